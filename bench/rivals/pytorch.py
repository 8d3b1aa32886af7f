"""
A decoder's folder in PyTorch and transformers, trained and sampled from for bench/pytorch.ts and bench/gpu.ts. Reads
questions from stdin and answers on stdout, a line of JSON each; see worker.ts.
"""

import json
import math
import sys
import time

import torch
import transformers

model = None
optimizer = None
batch = None


def wait():
    """Seconds, once the device has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class Lora(torch.nn.Module):
    """y = W x + scale * B (A x); W frozen, A and B in f32."""

    def __init__(self, base, rank, scale):
        super().__init__()
        self.base = base
        self.scale = scale
        a = torch.empty(rank, base.in_features, device=base.weight.device)
        self.a = torch.nn.Parameter(a.uniform_(-1, 1) / math.sqrt(base.in_features))
        self.b = torch.nn.Parameter(torch.zeros(base.out_features, rank, device=base.weight.device))

    def forward(self, x):
        low = torch.nn.functional.linear(x, self.a.to(x.dtype))
        return self.base(x) + self.scale * torch.nn.functional.linear(low, self.b.to(x.dtype))


def open_model(question):
    """
    From a folder with its weights, or (`random`) of config.json alone, with made-up weights. `attention`: eager or sdpa;
    `lora`: {rank, scale, targets} or null; `checkpoint`: keep only each layer's input for the backward pass.
    """
    global model, optimizer
    if question.get("threads"):
        torch.set_num_threads(question["threads"])
    device = question.get("device", "cpu")
    dtype = getattr(torch, question.get("dtype", "float32"))
    attention = question.get("attention", "eager")
    if question.get("random"):
        config = transformers.AutoConfig.from_pretrained(question["folder"])
        with torch.device(device):
            model = transformers.AutoModelForCausalLM.from_config(
                config, dtype=dtype, attn_implementation=attention
            )
    else:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            question["folder"], dtype=dtype, attn_implementation=attention
        ).to(device)
    model.train()
    lora = question.get("lora")
    if lora:
        for weight in model.parameters():
            weight.requires_grad_(False)
        for layer in model.model.layers:
            for part in (layer.self_attn, layer.mlp):
                for name in lora["targets"]:
                    if hasattr(part, name):
                        setattr(part, name, Lora(getattr(part, name), lora["rank"], lora["scale"]))
    if question.get("checkpoint"):
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    adamw = question["adamw"]
    optimizer = torch.optim.AdamW(
        trained,
        lr=adamw["learningRate"],
        betas=(adamw["beta1"], adamw["beta2"]),
        eps=adamw["epsilon"],
        weight_decay=adamw["weightDecay"],
        fused=True,
    )
    return {
        "versions": f"torch {torch.__version__}, transformers {transformers.__version__}",
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "trained": sum(weight.numel() for weight in trained),
    }


def set_batch(question):
    """(rows, rowTokens) token ids; all but each row's first are targets."""
    global batch
    batch = torch.tensor(question["tokens"], device=model.device)
    return {"tokens": batch.numel()}


def target_logprobs(tokens):
    logits = model(input_ids=tokens, use_cache=False).logits[:, :-1].float()
    return torch.log_softmax(logits, -1).gather(-1, tokens[:, 1:, None])[..., 0]


def logprobs(question):
    """(rows, rowTokens - 1), of the batch, or of the sequences that are given."""
    tokens = torch.tensor(question["tokens"], device=model.device) if "tokens" in question else batch
    with torch.no_grad():
        return {"logprobs": target_logprobs(tokens).flatten().tolist()}


def train(question):
    """Steps on the batch; the mean loss before each."""
    losses = []
    started = wait()
    for _ in range(question["times"]):
        logits = model(input_ids=batch, use_cache=False).logits[:, :-1]
        flat = logits.reshape(-1, logits.shape[-1]).float()
        loss = torch.nn.functional.cross_entropy(flat, batch[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], question["clipNorm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
    return {"seconds": wait() - started, "losses": losses}


@torch.no_grad()
def decode(question):
    """`count` tokens after each prompt (all of one length), sampled at temperature 1 with the cache, and their log-probabilities."""
    prompts = torch.tensor(question["prompts"], device=model.device)
    torch.manual_seed(0)
    model.eval()
    started = wait()
    cache = transformers.DynamicCache(config=model.config)
    fed = prompts
    kept = 0.0
    for _ in range(question["count"]):
        logits = model(input_ids=fed, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
        spread = torch.log_softmax(logits.float(), -1)
        fed = torch.multinomial(spread.exp(), 1)
        kept = kept + spread.gather(-1, fed)
    seconds = wait() - started
    model.train()
    return {"seconds": seconds, "meanLogprob": (kept.mean() / question["count"]).item()}


def matmul_rate(question):
    """FLOP/s of a square product in the model's number format: the rate to hold a step against."""
    size = question["size"]
    a = torch.randn(size, size, device=model.device, dtype=model.dtype)
    b = torch.randn(size, size, device=model.device, dtype=model.dtype)
    a @ b
    best = 0.0
    for _ in range(5):
        started = wait()
        for _ in range(question["times"]):
            a @ b
        best = max(best, question["times"] * 2 * size**3 / (wait() - started))
    return {"flops": best}


answers = {
    "open": open_model,
    "batch": set_batch,
    "logprobs": logprobs,
    "train": train,
    "decode": decode,
    "matmul": matmul_rate,
}

for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = answers[question["do"]](question)
    except Exception as error:  # The caller decides what an error means.
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
