#!/usr/bin/env python3
"""Writes training.h: golden values of one small network from an independent reference.

PyTorch in double precision with its own autograd: forward outputs, loss, every
gradient, and the weights after three steps of sgd with momentum, Adam and AdamW.
Run: python3 make_training.py > training.h   (made with PyTorch 1.13)
"""
import math
import torch

torch.set_default_dtype(torch.float64)
WIDTHS = [5, 4, 3, 4, 5]
ACTIVATIONS = ["gelu", "tanh", "silu", "identity"]  # of each layer; the last for the MSE block
ROWS, MSE_COLUMNS = 6, 3  # outputs 0..2 squared error, 3..4 cross-entropy on logits


def act(name, z):
    return {"gelu": torch.nn.functional.gelu, "tanh": torch.tanh,
            "silu": torch.nn.functional.silu, "identity": lambda v: v}[name](z)


def start():
    n = sum(a * b + b for a, b in zip(WIDTHS, WIDTHS[1:]))
    return torch.tensor([0.6 * math.sin(1.0 + 0.7 * i) for i in range(n)])


def data():
    x = torch.tensor([[math.cos(0.3 + 1.1 * (i * 5 + j)) for j in range(5)] for i in range(ROWS)])
    x[:, MSE_COLUMNS:] = (x[:, MSE_COLUMNS:] > 0).double()
    return x


def forward(params, x):
    h, at = x, 0
    for l, (a, b) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        w = params[at:at + a * b].reshape(a, b)
        bias = params[at + a * b:at + a * b + b]
        at += a * b + b
        h = act(ACTIVATIONS[l], h @ w + bias)
    return h


def loss_of(r, x):
    k = MSE_COLUMNS
    squared = ((r[:, :k] - x[:, :k]) ** 2).sum()
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(
        r[:, k:], x[:, k:], reduction="sum")
    return (squared + entropy) / (ROWS * WIDTHS[0])


def emit(name, values):
    print("static const double golden_%s[] = {" % name)
    for v in values.flatten().tolist():
        print("\t%s," % v.hex())
    print("};\n")


def weight_groups(decay):
    """Layers' weights decay, biases do not: as leaves of their own."""
    params, at, groups, pieces = start(), 0, [], []
    for a, b in zip(WIDTHS, WIDTHS[1:]):
        w = params[at:at + a * b].clone().requires_grad_()
        bias = params[at + a * b:at + a * b + b].clone().requires_grad_()
        at += a * b + b
        pieces += [w, bias]
        groups += [{"params": [w], "weight_decay": decay}, {"params": [bias], "weight_decay": 0.0}]
    return groups, pieces


def three_steps(name, make, decay):
    groups, pieces = weight_groups(decay)
    optimizer, x = make(groups), data()
    for _ in range(3):
        optimizer.zero_grad()
        loss_of(forward(torch.cat(pieces), x), x).backward()
        optimizer.step()
    emit(name, torch.cat(pieces).detach())


print("/* Made by make_training.py: PyTorch in double precision. Do not edit. */")
p = start().requires_grad_()
out = forward(p, data())
loss = loss_of(out, data())
loss.backward()
emit("output", out.detach())
print("static const double golden_loss = %s;\n" % loss.item().hex())
emit("gradient", p.grad)
three_steps("sgd", lambda g: torch.optim.SGD(g, lr=0.1, momentum=0.9), 0.0)
three_steps("adam", lambda g: torch.optim.Adam(g, lr=0.01, betas=(0.9, 0.99), eps=1e-8), 0.02)
three_steps("adamw", lambda g: torch.optim.AdamW(g, lr=0.01, betas=(0.9, 0.99), eps=1e-8), 0.5)
