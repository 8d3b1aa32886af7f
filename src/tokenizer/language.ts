/**
 * How a policy reads and writes: its tokenizer, and how its conversations are rendered. What the `swirl`
 * section of tokenizer_config.json says comes first, then the folder's chat template, then Gemma's turns or
 * Swirl's plain ones.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import { readJson, readText } from '../input/folder-files.ts';
import { BoundedRenderer } from './bounded-renderer.ts';
import type { LanguageSettings } from './language-settings.ts';
import {
  FormatRenderer,
  gemmaFormat,
  plainFormat,
  type Renderer,
  type RenderFormat,
  renderFormat,
} from './render.ts';
import { TemplateRenderer } from './template-renderer.ts';
import { PolicyTokenizer } from './tokenizer.ts';

export interface Language {
  readonly tokenizer: PolicyTokenizer;
  /**
   * Ids that stand before a bare text, such as the beginning of the text; none where the policy knows
   * none.
   */
  readonly beginning: readonly number[];
  /** How conversations are rendered. Throws `ConfigError` where the folder does not say. */
  renderer(): Renderer;
}

const token = z.union([
  z.string(),
  z.looseObject({ content: z.string() }).transform(({ content }) => content),
]);
const namedTemplates = z.array(z.looseObject({ name: z.string(), template: z.string() }));

const tokenizerConfig = z.looseObject({
  swirl: renderFormat.optional(),
  chat_template: z.union([z.string(), namedTemplates]).nullish(),
  add_bos_token: z.boolean().nullish(),
});
type TokenizerConfig = z.output<typeof tokenizerConfig>;

const tokenNames = [
  'bos_token',
  'eos_token',
  'unk_token',
  'pad_token',
  'sep_token',
  'cls_token',
  'mask_token',
];

/** Opens a folder's tokenizer. Throws `DataError` or `ConfigError`, with the file's name. */
export async function openLanguage(path: string, settings: LanguageSettings): Promise<Language> {
  const configPath = join(path, 'tokenizer_config.json');
  const found = await readJson(configPath, { optional: true });
  const parsed = tokenizerConfig.safeParse(found ?? {});
  if (!parsed.success) throw new ConfigError(`${configPath}: ${z.prettifyError(parsed.error)}`);
  const config = parsed.data;
  const tokenizerPath = join(path, 'tokenizer.json');
  const json = await readJson(tokenizerPath, { optional: true });
  if (json === undefined) {
    throw new ConfigError(`${path}: expected a policy's folder with a tokenizer.json, found one without`);
  }
  const tokenizer = new PolicyTokenizer(json, config, tokenizerPath);
  if (tokenizer.vocabularySize > settings.vocabSize) {
    throw new ConfigError(
      `${tokenizerPath}: expected ids below the decoder's vocabulary of ${settings.vocabSize}, found ${tokenizer.vocabularySize - 1}`,
    );
  }
  const map = await readJson(join(path, 'special_tokens_map.json'), { optional: true });
  const tokens = { ...tokensIn(map), ...tokensIn(config) };
  const template = config.swirl ? null : await chatTemplate(path, config);
  const endsOfText = settings.endsOfText.filter((id) => tokenizer.specialIds.has(id));
  const { vocabSize, templateVariables: variables = {} } = settings;
  const make = (): Renderer => {
    const own = () =>
      template
        ? new TemplateRenderer(tokenizer, { ...template, tokens, endsOfText, vocabSize, variables })
        : new FormatRenderer(tokenizer, config.swirl ?? defaultFormat(tokenizer, tokens), {
            ...{ endsOfText, vocabSize },
          });
    return new BoundedRenderer(own(), { path, settings }, { limitMs: settings.renderTimeoutMs });
  };
  let made: Renderer | undefined;
  const renderer = () => {
    made ??= make();
    return made;
  };
  const named =
    tokenizer.id(tokens.bos_token ?? '') ?? (found === undefined ? settings.beginningOfText : null);
  const beginning = beginningOf({ tokenizer, config, named, renderer, hasTemplate: template !== null });
  return { tokenizer, beginning, renderer };
}

interface Beginning {
  readonly tokenizer: PolicyTokenizer;
  readonly config: TokenizerConfig;
  /** The beginning of the text that the folder names. */
  readonly named: number | null;
  readonly renderer: () => Renderer;
  readonly hasTemplate: boolean;
}

/** What comes before a bare text: as the folder's tokenizer has it, or as its conversations begin. */
function beginningOf({ tokenizer, config, named, renderer, hasTemplate }: Beginning): readonly number[] {
  if (config.swirl) return renderer().render([]).ids;
  if (tokenizer.beginning.length > 0) return tokenizer.beginning;
  if (config.add_bos_token === false || named === null || !tokenizer.specialIds.has(named)) return [];
  if (!hasTemplate || config.add_bos_token) return [named];
  const [first] = renderer().render([{ role: 'user', content: 'x' }]).ids;
  return first === named ? [named] : [];
}

/**
 * The folder's chat template and where it stands; a file of its own comes before one in the configuration, as
 * in transformers.
 */
async function chatTemplate(
  path: string,
  config: TokenizerConfig,
): Promise<{ readonly source: string; readonly where: string } | null> {
  const file = join(path, 'chat_template.jinja');
  const source = await readText(file, { optional: true });
  if (source !== undefined) return { source, where: file };
  const older = join(path, 'chat_template.json');
  const inside = z
    .looseObject({ chat_template: z.string() })
    .safeParse(await readJson(older, { optional: true })).data;
  if (inside) return { source: inside.chat_template, where: older };
  const where = join(path, 'tokenizer_config.json');
  const { chat_template: given } = config;
  if (typeof given === 'string') return { source: given, where };
  const chosen = given?.find(({ name }) => name === 'default') ?? given?.[0];
  return chosen ? { source: chosen.template, where } : null;
}

/**
 * For folders that do not say: Gemma's turns where the tokenizer knows them; else plain ones, by the tokens
 * there are.
 */
function defaultFormat(tokenizer: PolicyTokenizer, tokens: Readonly<Record<string, string>>): RenderFormat {
  const known = (content: string | undefined) => {
    const id = content === undefined ? undefined : tokenizer.id(content);
    return id !== undefined && tokenizer.specialIds.has(id);
  };
  const begin = known('<bos>') ? '<bos>' : known(tokens.bos_token) ? tokens.bos_token : '';
  if (tokenizer.id('<start_of_turn>') !== undefined) return { ...gemmaFormat, begin };
  if (known(plainFormat.endOfTurn)) return { ...plainFormat, begin };
  if (!known(tokens.eos_token)) return { ...plainFormat, begin };
  const endOfTurn = tokens.eos_token;
  return { ...plainFormat, begin, endOfTurn, user: { before: '', after: endOfTurn } };
}

function tokensIn(json: unknown): Record<string, string> {
  const found = z.looseObject({}).safeParse(json).data ?? {};
  return Object.fromEntries(
    tokenNames.flatMap((name) => {
      const content = token.safeParse(found[name]).data;
      return content === undefined ? [] : [[name, content]];
    }),
  );
}
