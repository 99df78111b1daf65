#!/usr/bin/env python3
"""Writes training.h: golden values of one small network from an independent reference.

PyTorch in double precision with its own autograd: forward outputs, loss, every
gradient, and the weights after three steps of sgd with momentum, Adam and AdamW.
Then the same of two nets over rows of every kind, some of whose cells are missing:
categories under cross-entropy of their softmax, and under the squared error of one-hot.
Then the first net with batch normalisation, in training and as it scores.
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


# ---- rows of every kind: the layout of src/engine/loss/ae_loss.h, by torch's own losses ----

# cells: 2 numbers, an array column of 3, a boolean | a category of 3 levels, one of 2
DENSE, GROUP, BOOLEAN, LEVELS = 6, slice(2, 5), 5, [3, 2]
INDICATORS = [1, 3]  # of these cells
WEIGHTS = [1.25, 0.75]  # of the categories
MIXED_ROWS = 8
MIXED_WIDTHS = [DENSE + len(INDICATORS) + sum(LEVELS), 4, 3, DENSE + sum(LEVELS)]
MIXED_ACTIVATIONS = ["gelu", "tanh", "identity"]


def mixed_cells():
    """NaN: missing."""
    n = DENSE + len(LEVELS)
    cells = torch.tensor([[math.cos(0.4 + 0.9 * (i * n + j)) for j in range(n)]
                          for i in range(MIXED_ROWS)])
    cells[:, BOOLEAN] = (cells[:, BOOLEAN] > 0).double()
    for c, levels in enumerate(LEVELS):
        cells[:, DENSE + c] = torch.tensor([float((2 * i + i // 3 + c) % levels)
                                            for i in range(MIXED_ROWS)])
    for i in range(MIXED_ROWS):
        for j in range(n):
            if (3 * i + 5 * j + i * j) % 7 == 0 or i == 6:  # of row 6 nothing is known
                cells[i, j] = math.nan
    return cells


def mixed_inputs(cells):
    parts = [torch.nan_to_num(cells[:, :DENSE]), torch.isnan(cells[:, INDICATORS]).double()]
    for c, levels in enumerate(LEVELS):
        cell = cells[:, DENSE + c]
        known = ~torch.isnan(cell)
        one_hot = torch.zeros(MIXED_ROWS, levels)
        one_hot[known] = torch.nn.functional.one_hot(cell[known].long(), levels).double()
        parts.append(one_hot)
    return torch.cat(parts, 1)


def mixed_forward(params, x):
    h, at = x, 0
    for l, (a, b) in enumerate(zip(MIXED_WIDTHS, MIXED_WIDTHS[1:])):
        z = h @ params[at:at + a * b].reshape(a, b) + params[at + a * b:at + a * b + b]
        at += a * b + b
        h = act(MIXED_ACTIVATIONS[l], z)
    return h


def mixed_row_loss(r, cells, one_hot):
    """The mean over the observed columns of one row; None where there is none."""
    f = torch.nn.functional
    terms = []
    known = ~torch.isnan(cells)
    for j in range(2):
        if known[j]:
            terms.append(f.mse_loss(r[j], cells[j]))
    if known[GROUP].any():
        terms.append(f.mse_loss(r[GROUP][known[GROUP]], cells[GROUP][known[GROUP]]))
    if known[BOOLEAN]:
        terms.append(f.binary_cross_entropy_with_logits(r[BOOLEAN], cells[BOOLEAN]))
    at = DENSE
    for c, levels in enumerate(LEVELS):
        z = r[at:at + levels]
        at += levels
        if not known[DENSE + c]:
            continue
        level = cells[DENSE + c].long()
        if one_hot:
            loss = f.mse_loss(z, f.one_hot(level, levels).double(), reduction="sum")
        else:
            loss = f.cross_entropy(z.unsqueeze(0), level.unsqueeze(0))
        terms.append(WEIGHTS[c] * loss)
    return torch.stack(terms).mean() if terms else torch.tensor(0.0)


def mixed_start():
    n = sum(a * b + b for a, b in zip(MIXED_WIDTHS, MIXED_WIDTHS[1:]))
    return torch.tensor([0.6 * math.sin(1.0 + 0.7 * i) for i in range(n)])


def mixed(name, one_hot):
    cells = mixed_cells()
    x = mixed_inputs(cells)

    def loss_of_rows(params):
        r = mixed_forward(params, x)
        rows = torch.stack([mixed_row_loss(r[i], cells[i], one_hot) for i in range(MIXED_ROWS)])
        return r, rows

    p = mixed_start().requires_grad_()
    r, rows = loss_of_rows(p)
    rows.mean().backward()
    emit(name + "_output", r.detach())
    emit(name + "_losses", rows.detach())
    emit(name + "_gradient", p.grad)
    p = mixed_start().requires_grad_()
    optimizer = torch.optim.Adam([p], lr=0.01, betas=(0.9, 0.99), eps=1e-8)
    for _ in range(3):
        optimizer.zero_grad()
        loss_of_rows(p)[1].mean().backward()
        optimizer.step()
    emit(name + "_adam", p.detach())


mixed("softmax", False)
mixed("onehot", True)


# ---- batch normalisation, by torch's own ----

NORMAL = [0, 2]  # layers; the code's and the last have none


def normal_start():
    gammas = sum(WIDTHS[l + 1] for l in NORMAL)
    return torch.cat([start(), torch.tensor([1 + 0.3 * math.sin(2.0 * i) for i in range(gammas)])])


def normal_forward(pieces, x, running, momentum):
    """pieces: w, b of each layer, then gammas; running: a mean and a variance of each of NORMAL."""
    h = x
    for l in range(len(WIDTHS) - 1):
        z = h @ pieces[2 * l]
        if l in NORMAL:
            k = NORMAL.index(l)
            z = torch.nn.functional.batch_norm(
                z, running[2 * k], running[2 * k + 1], weight=pieces[8 + k],
                bias=pieces[2 * l + 1], training=momentum is not None, momentum=momentum or 0.0)
        else:
            z = z + pieces[2 * l + 1]
        h = act(ACTIVATIONS[l], z)
    return h


def normal_pieces(params):
    pieces, at = [], 0
    for a, b in zip(WIDTHS, WIDTHS[1:]):
        pieces += [params[at:at + a * b].reshape(a, b), params[at + a * b:at + a * b + b]]
        at += a * b + b
    for l in NORMAL:
        pieces.append(params[at:at + WIDTHS[l + 1]])
        at += WIDTHS[l + 1]
    return pieces


def normal_running():
    return [t for l in NORMAL for t in (torch.zeros(WIDTHS[l + 1]), torch.ones(WIDTHS[l + 1]))]


def normal_steps(name, make, decay):
    """Three steps from gammas of 1; the first one's means and variances begin the running ones."""
    params = normal_start()
    params[len(start()):] = 1
    pieces = [p.clone().requires_grad_() for p in normal_pieces(params)]
    optimizer = make([{"params": [p], "weight_decay": decay if p.dim() == 2 else 0.0}
                      for p in pieces])
    x, running = data(), normal_running()
    for step in range(3):
        optimizer.zero_grad()
        loss_of(normal_forward(pieces, x, running, 1.0 if step == 0 else 0.1), x).backward()
        optimizer.step()
    emit(name, normal_forward(pieces, x, running, None).detach())


p = normal_start().requires_grad_()
out = normal_forward(normal_pieces(p), data(), normal_running(), 1.0)
loss_of(out, data()).backward()
emit("norm_output", out.detach())
emit("norm_gradient", p.grad)
normal_steps("norm_sgd", lambda g: torch.optim.SGD(g, lr=0.1, momentum=0.9), 0.02)
normal_steps("norm_adamw", lambda g: torch.optim.AdamW(g, lr=0.01, betas=(0.9, 0.99), eps=1e-8), 0.5)
