"""
A decoder's folder in PyTorch and transformers, trained and sampled from for bench/pytorch.ts, bench/smollm2.ts
and bench/gpu.ts. Reads questions from stdin and answers on stdout, a line of JSON each; see worker.ts.
"""

import json
import os
import resource
import sys
import time

import torch
import transformers

transformers.utils.logging.disable_progress_bar()

model = None
optimizer = None
batch = None


def wait():
    """Seconds by the clock and of all processors, once the device has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def since(started):
    """What a round took; see `Took` in decoder.ts."""
    clock, processors = wait()
    return {"clock": clock - started[0], "processors": processors - started[1]}


class Lora(torch.nn.Module):
    """y = W x + scale * B (A x); W frozen, A and B in f32."""

    def __init__(self, base, rank, scale):
        super().__init__()
        self.base = base
        self.scale = scale
        device = base.weight.device
        self.lora_A = torch.nn.Parameter(torch.zeros(rank, base.in_features, device=device))
        self.lora_B = torch.nn.Parameter(torch.zeros(base.out_features, rank, device=device))

    def forward(self, x):
        low = torch.nn.functional.linear(x, self.lora_A.to(x.dtype))
        return self.base(x) + self.scale * torch.nn.functional.linear(low, self.lora_B.to(x.dtype))


@torch.no_grad()
def fill(made, path):
    """Weights as made-weights.ts makes them: mean + deviation * table[(offset + i) % len(table)]."""
    table = torch.from_file(path, size=made["size"], dtype=torch.float32).to(model.device)
    for name, weight in model.named_parameters():
        key = name.replace(".base.", ".")
        if "lora" in key:
            key = f"base_model.model.{key}.weight"
        offset, mean, deviation = made["tensors"][key]
        flat = weight.view(-1)
        for start in range(0, flat.numel(), 1 << 24):
            part = flat[start : start + (1 << 24)]
            at = torch.arange(start, start + part.numel(), device=model.device)
            part.copy_(mean + deviation * table[(offset + at) % len(table)])


def open_model(question):
    """
    From a folder with its weights, of a GGUF file, or (`made`) from config.json alone, with weights as `fill` makes them.
    `attention`: eager or sdpa; `lora`: {rank, scale, targets} or null; `peft`: a folder of adapters, which PEFT opens;
    `checkpoint`: keep only each layer's input for the backward pass.
    """
    global model, optimizer
    if question.get("threads"):
        torch.set_num_threads(question["threads"])
    device = question.get("device", "cpu")
    dtype = getattr(torch, question.get("dtype", "float32"))
    attention = question.get("attention", "eager")
    if question.get("made"):
        config = transformers.AutoConfig.from_pretrained(question["folder"])
        with torch.device(device):
            model = transformers.AutoModelForCausalLM.from_config(
                config, dtype=dtype, attn_implementation=attention
            )
    else:
        folder, file = question.get("folder"), None
        if question.get("gguf"):
            folder, file = os.path.split(question["gguf"])
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, gguf_file=file, dtype=dtype, attn_implementation=attention
        ).to(device)
    if question.get("peft"):
        import peft

        model = peft.PeftModel.from_pretrained(model, question["peft"], is_trainable=True)
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
    if question.get("made"):
        fill(question["made"], question["made"]["table"])
    if question.get("checkpoint"):
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    start(question["adamw"])
    trained = optimizer.param_groups[0]["params"]
    return {
        "versions": f"torch {torch.__version__}, transformers {transformers.__version__}",
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "trained": sum(weight.numel() for weight in trained),
    }


def start(adamw):
    """A new optimizer."""
    global optimizer
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        trained,
        lr=adamw["learningRate"],
        betas=(adamw["beta1"], adamw["beta2"]),
        eps=adamw["epsilon"],
        weight_decay=adamw["weightDecay"],
        fused=True,
    )


def set_format(question):
    """Frozen weights in another number format from now on; what is trained stays f32, and starts again."""
    dtype = getattr(torch, question["dtype"])
    for weight in model.parameters():
        if not weight.requires_grad:
            weight.data = weight.data.to(dtype)
    start(question["adamw"])
    return {"dtype": str(dtype)}


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


def score(question):
    """The batch's logprobs, for the time that they take."""
    started = wait()
    with torch.no_grad():
        target_logprobs(batch)
    return since(started)


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
    return {**since(started), "losses": losses}


@torch.no_grad()
def decode(question):
    """`count` tokens after each prompt (all of one length), sampled at temperature 1 with the cache, and their logprobs."""
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
    took = since(started)
    model.train()
    return {**took, "meanLogprob": (kept.mean() / question["count"]).item()}


def matmul_rate(question):
    """FLOP/s of a square matmul in this number format: the rate to hold a step against."""
    size = question["size"]
    dtype = getattr(torch, question["dtype"])
    a = torch.randn(size, size, device=model.device, dtype=dtype)
    b = torch.randn(size, size, device=model.device, dtype=dtype)
    a @ b
    best = 0.0
    for _ in range(5):
        started = wait()
        for _ in range(question["times"]):
            a @ b
        best = max(best, question["times"] * 2 * size**3 / since(started)["clock"])
    return {"flops": best}


def memory(question):
    """The most that this process held, in bytes (Linux counts in KiB)."""
    return {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


answers = {
    "open": open_model,
    "format": set_format,
    "batch": set_batch,
    "logprobs": logprobs,
    "score": score,
    "train": train,
    "decode": decode,
    "matmul": matmul_rate,
    "memory": memory,
}

for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = answers[question["do"]](question)
    except Exception as error:  # The caller decides what an error means.
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
