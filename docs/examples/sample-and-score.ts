/** Samples from a policy's folder, and scores texts under it: `tsx sample-and-score.ts policies/tiny`. */
import { openPolicy } from 'swirl-rl';

const [folder = 'swirl:assets/base-policy'] = process.argv.slice(2);
await using policy = await openPolicy(folder, {
  temperature: 0.7,
  maxTokens: 24,
  contextTokens: 256,
  seed: 1,
});
console.log(`${policy.name} on ${policy.device}`);

const messages = [{ role: 'user' as const, content: 'Ada has 24 apples and gets 12. How many?' }];
// The id names the sample: the same id and seed give the same text again.
const { text } = await policy.sample(messages, { id: 'first' });
console.log(text);

const { logprobs } = await policy.score({ messages, completion: text });
const total = logprobs.reduce<number>((sum, logprob) => sum + (logprob ?? 0), 0);
console.log(`log-probability ${total.toFixed(2)} in ${logprobs.length} tokens`);
