"""The network of the `general` pack: an encoder, evidence gathered from the cues, a decoder.

Axis letters: B images, K cues of a task, C channels, H and W of the working image (multiples of 32).
The encoder and decoder are exported to ONNX; `evidence` is what `cuecast.engine.matcher` computes in numpy.
Batch norm (and no group norm) is used on purpose: with fixed statistics an answer depends only on the pixels in
reach, so the same place gets the same answer whatever the crop, and it folds into the convolutions.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cuecast.training.backbone import JOINED, Backbone, join_levels, unit_length

KEY_HEADS = 2
KEY_DIM = 48
VALUE_DIM = 12
FINE_DIM = 48
CONTEXT_DIM = 48
PYRAMID = (48, 96)
"""Channels of the pyramid at strides 4 and 8."""
SEMANTIC_DIM = 128
TEXTURE_DIM = 16
HIDDEN_DIM = 192
FILTER_DIM = 27
SAMPLES = 3000
"""Cue pixels that the pixel head is fitted on in training, at most."""
PLACE_DIM = 2
AGREEMENT_DIM = 7
FOLDS = 4
"""Cues are left out one by one up to this number, then in this many parts."""
EPSILON = 1e-6
LEAST = 1e-3
"""Places of the thing that a fold must leave to the others."""
OUTPUTS = 2
"""Of the decoder at each place: a logit of the thing, and one of how deep inside its object the place lies."""
EVIDENCE8 = 3 * KEY_HEADS + 2 * VALUE_DIM + 1


class Features(NamedTuple):
    """Feature maps of B images, float32.

    pixel    (B, FILTER_DIM + TEXTURE_DIM, H/2, W/2) filter responses and learned texture
    fine     (B, FINE_DIM, H/4, W/4) what the ridge head reads
    key      (B, KEY_HEADS * KEY_DIM, H/8, W/8) unit length per head
    value    (B, VALUE_DIM, H/8, W/8) what attention carries from the cues
    context  (B, CONTEXT_DIM, H/8, W/8) what the decoder sees of the query
    semantic (B, SEMANTIC_DIM, H/8, W/8) directions of the backbone's own maps: what the semantic head reads
    """

    pixel: Tensor
    fine: Tensor
    key: Tensor
    value: Tensor
    context: Tensor
    semantic: Tensor


def conv_norm(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3 x 3 convolutions around a skip (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_norm(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm(self.second(self.first(x))))


class FilterBank(nn.Module):
    """Fixed multiscale filters of the working image, at stride 2: what pixel classifiers of the field look at.

    Smoothed colour, gradient magnitude, Hessian eigenvalues and local deviation of the brightness (as ilastik and
    Trainable Weka Segmentation use; Arganda-Carreras et al. 2017). Nothing is learned here.
    """

    SIGMAS = (1.0, 2.0, 4.0)
    SMOOTHED = 4

    def __init__(self) -> None:
        super().__init__()
        for i, sigma in enumerate(self.SIGMAS):
            radius = int(3 * sigma + 0.5)
            t = torch.arange(-radius, radius + 1, dtype=torch.float32)
            g = torch.exp(-(t**2) / (2 * sigma**2))
            self.register_buffer(f"gauss{i}", g / g.sum())

    def _smooth(self, x: Tensor, i: int) -> Tensor:
        """x (B, SMOOTHED, h, w) under the i-th Gaussian; the sizes are constants, as the export to ONNX needs."""
        g, r, c = getattr(self, f"gauss{i}"), int(3 * self.SIGMAS[i] + 0.5), self.SMOOTHED
        n = 2 * r + 1
        x = F.conv2d(
            F.pad(x, (r, r, 0, 0), mode="replicate"), g.view(1, 1, 1, n).repeat(c, 1, 1, 1), groups=c
        )
        return F.conv2d(
            F.pad(x, (0, 0, r, r), mode="replicate"), g.view(1, 1, n, 1).repeat(c, 1, 1, 1), groups=c
        )

    @staticmethod
    def _derivatives(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradient magnitude and both Hessian eigenvalues (larger first) of x (B, 1, h, w)."""
        p = F.pad(x, (1, 1, 1, 1), mode="replicate")
        dx = (p[..., 1:-1, 2:] - p[..., 1:-1, :-2]) / 2
        dy = (p[..., 2:, 1:-1] - p[..., :-2, 1:-1]) / 2
        dxx = p[..., 1:-1, 2:] - 2 * x + p[..., 1:-1, :-2]
        dyy = p[..., 2:, 1:-1] - 2 * x + p[..., :-2, 1:-1]
        dxy = (p[..., 2:, 2:] - p[..., 2:, :-2] - p[..., :-2, 2:] + p[..., :-2, :-2]) / 4
        mean, root = (dxx + dyy) / 2, torch.sqrt(((dxx - dyy) / 2) ** 2 + dxy**2 + 1e-8)
        return torch.sqrt(dx**2 + dy**2 + 1e-8), mean + root, mean - root

    def forward(self, rgb: Tensor) -> Tensor:
        """rgb (B, 3, H, W) in [0, 1] -> (B, FILTER_DIM, H/2, W/2)."""
        # Differences of nearly equal numbers: in bfloat16 some of these would be noise.
        with torch.autocast(rgb.device.type, enabled=False):
            return self._responses(rgb)

    def _responses(self, rgb: Tensor) -> Tensor:
        grey = rgb.mean(1, keepdim=True)
        half = F.avg_pool2d(rgb, 2)
        half_grey = half.mean(1, keepdim=True)
        out = [half, F.avg_pool2d(self._derivatives(grey)[0], 2), *self._derivatives(half_grey)[1:]]
        stack = torch.cat([half, half_grey**2], 1)
        for i, sigma in enumerate(self.SIGMAS):
            s = self._smooth(stack, i)
            mean = s[:, :3].mean(1, keepdim=True)
            deviation = torch.sqrt(F.relu(s[:, 3:] - mean**2) + 1e-6)
            # Derivatives fade with the width of the Gaussian; multiplying by it keeps their scale (Lindeberg 1998).
            gradient, high, low = self._derivatives(mean)
            out += [s[:, :3], deviation, gradient * sigma, high * sigma**2, low * sigma**2]
        return torch.cat(out, 1)


class Encoder(nn.Module):
    """Image -> feature maps: a pretrained backbone, strides 2 to 32, fused top-down (Lin et al. 2017)."""

    def __init__(self, backbone: Backbone | None = None) -> None:
        super().__init__()
        self.filters = FilterBank()
        self.backbone = backbone or Backbone()
        widths, (w4, w8) = self.backbone.widths, PYRAMID
        self.lateral32, self.lateral16 = nn.Conv2d(widths[32], w8, 1), nn.Conv2d(widths[16], w8, 1)
        self.lateral8, self.lateral4 = nn.Conv2d(widths[8], w8, 1), nn.Conv2d(widths[4], w4, 1)
        self.fuse16, self.fuse8 = Residual(w8), Residual(w8)
        self.down8, self.fuse4 = nn.Conv2d(w8, w4, 1), Residual(w4)
        self.texture = nn.Conv2d(widths[2], TEXTURE_DIM, 1)
        self.fine = nn.Conv2d(w4, FINE_DIM, 1)
        self.key = nn.Conv2d(w8, KEY_HEADS * KEY_DIM, 1)
        self.value = nn.Conv2d(w8, VALUE_DIM, 1)
        self.context = nn.Conv2d(w8, CONTEXT_DIM, 1)
        self.semantic = nn.Conv2d(sum(widths[s] for s in JOINED), SEMANTIC_DIM, 1, bias=False)

    def forward(self, rgb: Tensor) -> Features:
        """rgb (B, 3, H, W) in [0, 1], H and W multiples of 32."""
        maps = self.backbone(rgb)
        p16 = self.fuse16(self.lateral16(maps[16]) + up2(self.lateral32(maps[32])))
        p8 = self.fuse8(self.lateral8(maps[8]) + up2(p16))
        p4 = self.fuse4(self.lateral4(maps[4]) + up2(self.down8(p8)))
        heads = self.key(p8).float().unflatten(1, (KEY_HEADS, KEY_DIM))
        key = unit_length(heads, 2).flatten(1, 2)
        pixel = torch.cat([self.filters(rgb), self.texture(maps[2]).float()], 1)
        return Features(
            pixel,
            self.fine(p4).float(),
            key,
            self.value(p8).float(),
            self.context(p8).float(),
            self.semantic(join_levels(maps)).float(),
        )


class Meet(nn.Module):
    """What all classes of an image share and what is of a class, as a 1 x 1 convolution of both, batch norm, ReLU.

    It is the sum of two, so that the shared part of an image is computed once for all classes.
    """

    def __init__(self, shared: int, own: int, outputs: int) -> None:
        super().__init__()
        self.shared = nn.Conv2d(shared, outputs, 1, bias=False)
        self.own = nn.Conv2d(own, outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, shared: Tensor, own: Tensor) -> Tensor:
        """shared (1 or B, .., h, w), own (B, .., h, w)."""
        return F.relu(self.norm(self.shared(shared) + self.own(own)))


class Decoder(nn.Module):
    """Query features and the evidence of the cues -> logits at stride 2, and whether the thing is there at all.

    Where many channels meet, a 1 x 1 convolution comes first: on a CPU its 3 x 3 would be most of the time. Widths are
    multiples of 16, the block that ONNX Runtime computes in.
    """

    def __init__(self) -> None:
        super().__init__()
        self.meet8 = Meet(CONTEXT_DIM, EVIDENCE8 + PLACE_DIM + 5 + AGREEMENT_DIM, 80)
        self.at8 = Residual(80)
        self.at16 = nn.Sequential(conv_norm(80, 96, 2), Residual(96), Residual(96), nn.Conv2d(96, 80, 1))
        self.join8 = nn.Sequential(conv_norm(160, 64, kernel=1), Residual(64))
        self.meet4 = Meet(FINE_DIM, 64 + 4, 48)
        self.at4 = Residual(48)
        self.meet2 = Meet(TEXTURE_DIM, 48 + 4, 16)
        self.at2 = nn.Sequential(conv_norm(16, 16), nn.Conv2d(16, OUTPUTS, 3, 1, 1))
        self.gain = nn.Linear(AGREEMENT_DIM, 4)
        with torch.no_grad():
            self.gain.weight.zero_()
            self.gain.bias.copy_(torch.tensor([1.0, 0.7, 0.7, 0.5]))
        self.there = nn.Sequential(
            nn.Linear(2 * 64 + AGREEMENT_DIM, 64), nn.ReLU(inplace=True), nn.Linear(64, 1)
        )

    def forward(
        self,
        context: Tensor,
        fine: Tensor,
        texture: Tensor,
        evidence8: Tensor,
        place: Tensor,
        ridge8: Tensor,
        ridge4: Tensor,
        ridge2: Tensor,
        forest: Tensor,
        agreement: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Maps of B queries, or of B classes of one, which then has context, fine and texture once.

        evidence8 (B, EVIDENCE8, H/8, W/8), place (B, PLACE_DIM, H/8, W/8), ridge8 (B, 2, H/8, W/8) the score and its
        variance, ridge4 (B, 1, H/4, W/4), ridge2 and the logits of a forest (B, 1, H/2, W/2), all 0 where there is
        none; agreement (B, AGREEMENT_DIM): see `Evidence.agreement`.

        Returns logits of each place (B, 1, H/2, W/2), logits of its depth in its object (B, 1, H/2, W/2): 0 on the
        border, 1 in the middle, and logits of the thing being anywhere (B, 1).
        """
        ridge8, ridge4, ridge2 = (r.clamp(-3, 3) for r in (ridge8, ridge4, ridge2))
        ridge24, forest4 = F.avg_pool2d(ridge2, 2), F.avg_pool2d(forest, 2)
        scores8 = [F.avg_pool2d(x, 2) for x in (ridge4, ridge24, forest4)]
        trust = agreement[:, :, None, None] + torch.zeros_like(ridge8[:, :1])
        d8 = self.at8(self.meet8(context, torch.cat([evidence8, place, ridge8, *scores8, trust], 1)))
        d8 = self.join8(torch.cat([d8, up2(self.at16(d8))], 1))
        ridge84 = up2(ridge8[:, :1])
        d4 = self.at4(self.meet4(fine, torch.cat([up2(d8), ridge84, ridge4, ridge24, forest4], 1)))
        ridge82, ridge42 = up2(ridge84), up2(ridge4)
        direct = torch.cat([ridge82, ridge42, ridge2, forest], 1)
        out = self.at2(self.meet2(texture, torch.cat([up2(d4), direct], 1))).float()
        gain = self.gain(agreement)[:, :, None, None]
        logits = out[:, :1] + (gain * direct).sum(1, keepdim=True)
        there = self.there(torch.cat([d8.amax((2, 3)), d8.mean((2, 3)), agreement], 1))
        return logits, out[:, 1:], there.float()


class Ridge(NamedTuple):
    """A closed-form head on the cues of T tasks: beta (T, D + 1), the bias last; gram (T, D + 1, D + 1) with its
    penalty; fit and loo (T,): see `Evidence.agreement`."""

    beta: Tensor
    gram: Tensor
    fit: Tensor
    loo: Tensor

    def read(self, query: Tensor) -> Tensor:
        """Scores (B, T, h, w) of query features (B, D, h, w): near 1 on the thing and near -1 off it."""
        beta = self.beta
        return torch.einsum("bdhw,td->bthw", query, beta[:, :-1]) + beta[:, -1, None, None]

    def variance(self, query: Tensor) -> Tensor:
        """log(1 + posterior variance), (B, T, h, w): large where the query is like nothing in the cues."""
        x = F.pad(places(query), (0, 1), value=1.0)
        root = torch.linalg.cholesky(self.gram)
        whitened = torch.linalg.solve_triangular(root, x.T.expand(len(root), -1, -1), upper=False)
        b, _, h, w = query.shape
        return torch.log1p((whitened**2).sum(1)).reshape(-1, b, h, w).transpose(0, 1)


class Evidence(nn.Module):
    """What the cues say about each place of a query. Closed form throughout; the few numbers here are learned."""

    def __init__(self) -> None:
        super().__init__()
        n = FILTER_DIM + TEXTURE_DIM
        self.temperature = nn.Parameter(torch.full((KEY_HEADS,), 2.3))
        self.ridge8 = nn.Parameter(torch.tensor(-3.5))
        self.ridge4 = nn.Parameter(torch.tensor(-3.0))
        self.ridge2 = nn.Parameter(torch.tensor(-5.0))
        self.hidden = nn.Linear(n, HIDDEN_DIM)
        with torch.no_grad():
            self.hidden.weight.normal_(std=n**-0.5)
            self.hidden.bias.uniform_(-1.5, 1.5)

    def forward(
        self, cues: Features, positive: Tensor, negative: Tensor, query: Features, samples: int = SAMPLES
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """cues of K images and query of B images; positive, negative (K, 1, H, W) float32 weights of the labels.

        Returns evidence8 (B, EVIDENCE8, H/8, W/8), ridge8 (B, 2, H/8, W/8) with its variance, ridge4 (B, 1, H/4, W/4),
        ridge2 (B, 1, H/2, W/2) and agreement (AGREEMENT_DIM,).
        """
        weights = positive[None], negative[None]
        head8 = self.head(cues.semantic, *weights, 8, self.ridge8)
        head4 = self.head(cues.fine, *weights, 4, self.ridge4)
        head2, at2 = self.pixel_head(cues, positive, negative, query, samples)
        at8 = torch.cat([head8.read(query.semantic), head8.variance(query.semantic)], 1)
        agreement = self.agreement((head8, head4, head2), len(positive))[0]
        return (
            self.attend(cues, positive, negative, query),
            at8,
            head4.read(query.fine),
            at2,
            agreement,
        )

    def attend(self, cues: Features, positive: Tensor, negative: Tensor, query: Features) -> Tensor:
        """The first part of `forward`'s answer alone."""
        p, n = F.avg_pool2d(positive, 8).flatten(), F.avg_pool2d(negative, 8).flatten()
        columns = self.columns(places(cues.value), p, n)
        sums = [alike @ columns for alike in self.alike(places(cues.key), query.key)]
        b, _, h, w = query.key.shape
        return self.read_sums(sums, columns).reshape(b, h, w, -1).permute(0, 3, 1, 2)

    def alike(self, cues: Tensor, query: Tensor) -> list[Tensor]:
        """Keys of J places and of B images -> a weight per head, (B h w, J): 1 for equal keys, less for others."""
        weights, asked = [], places(query)
        for head in range(KEY_HEADS):
            part = slice(head * KEY_DIM, (head + 1) * KEY_DIM)
            temperature = self.temperature[head].exp()
            weights.append(torch.exp(asked[:, part] @ (cues[:, part] * temperature).T - temperature))
        return weights

    @staticmethod
    def columns(values: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """What `alike` weighs, (J, 2 VALUE_DIM + 4): shares of thing and rest, values of both, the thing, the known.

        values (J, VALUE_DIM), positive and negative (J,) at the places of the cues.
        """
        p, n = positive[:, None], negative[:, None]
        return torch.cat([p / (p.sum() + 1e-6), n / (n.sum() + 1e-6), values * p, values * n, p, p + n], 1)

    def read_sums(self, sums: list[Tensor], columns: Tensor) -> Tensor:
        """The products (Q, 2 VALUE_DIM + 4) of `alike` and `columns`, a head each -> evidence (Q, EVIDENCE8)."""
        out, means = [], []
        for head, found in enumerate(sums):
            mean = found[:, 2:-1] / (found[:, -1:] + 1e-6)
            out += [mean[:, -1:], self.likeness(found[:, :2], head)]
            means.append(mean[:, :-1])
        thing, known = columns[:, -2].sum(), columns[:, -1].sum()
        fraction = (torch.log(thing / (known + 1e-6) + 1e-3) / 4 + 1).expand(len(means[0]), 1)
        return torch.cat([*out, fraction, torch.stack(means).mean(0)], 1)

    def likeness(self, shares: Tensor, head: int) -> Tensor:
        """Weighted shares of thing and rest, made comparable between temperatures."""
        return torch.log(shares + 1e-6) / self.temperature[head].exp() + 1

    def head(self, cues: Tensor, positive: Tensor, negative: Tensor, stride: int, strength: Tensor) -> Ridge:
        """The ridge regression of T tasks on features (K, D, h, w); positive, negative (T, K, 1, H, W)."""
        T, K = positive.shape[:2]
        p, n = (F.avg_pool2d(w.flatten(0, 1), stride).reshape(T, -1) for w in (positive, negative))
        fold = torch.arange(K, device=cues.device).repeat_interleave(p.shape[1] // K) % FOLDS
        return fit_ridge(places(cues), p, n, fold, F.softplus(strength))

    def pixel_head(
        self, cues: Features, positive: Tensor, negative: Tensor, query: Features, samples: int = SAMPLES
    ) -> tuple[Ridge, Tensor]:
        """The head on hidden units of the pixel features, of one task, and its scores (B, 1, H/2, W/2)."""
        p, n = F.avg_pool2d(positive, 2).flatten(), F.avg_pool2d(negative, 2).flatten()
        x = places(cues.pixel)
        fold = torch.arange(len(positive), device=x.device).repeat_interleave(len(x) // len(positive)) % FOLDS
        if len(x) > samples:
            chance = p / (p.sum() + 1e-6) + n / (n.sum() + 1e-6)
            taken = torch.multinomial(chance + 1e-12, samples)
            # Sampling without replacement already evens out; weights are those of what was taken.
            p, n, x, fold = p[taken], n[taken], x[taken], fold[taken]
        known = ((p + n) > 0).float()
        mean = (x * known[:, None]).sum(0) / known.sum()
        deviation = torch.sqrt((((x - mean) ** 2) * known[:, None]).sum(0) / known.sum() + 1e-4)
        phi = F.relu(self.hidden(((x - mean) / deviation).clamp(-5, 5)))
        head = fit_ridge(phi, p[None], n[None], fold, F.softplus(self.ridge2))
        q = ((query.pixel - mean[:, None, None]) / deviation[:, None, None]).clamp(-5, 5)
        beta = head.beta[0]
        phi_q = F.relu(self.hidden(q.permute(0, 2, 3, 1)))
        return head, (phi_q @ beta[:-1] + beta[-1])[:, None]

    @staticmethod
    def agreement(heads: tuple[Ridge, Ridge, Ridge], shots: int) -> Tensor:
        """(T, AGREEMENT_DIM): how well each head tells the thing from the rest on the cues themselves (`fit`), and on
        each cue when fitted on the others (`loo`), both in [-1, 1]; and a fourth of the binary logarithm of `shots`.

        What fits its own cues and fails on the others has learned them by heart: the decoder follows whichever holds.
        """
        fits, loos = torch.stack([h.fit for h in heads], 1), torch.stack([h.loo for h in heads], 1)
        count = torch.full_like(fits[:, :1], shots).log2() / 4
        return torch.cat([fits, loos, count], 1)

    def numbers(self) -> dict[str, Tensor]:
        """The learned numbers as `cuecast.engine.matcher.MatcherWeights` takes them."""
        values = {
            "temperature": self.temperature.exp(),
            "ridge8": F.softplus(self.ridge8),
            "ridge4": F.softplus(self.ridge4),
            "ridge2": F.softplus(self.ridge2),
            "hidden": self.hidden.weight,
            "bias": self.hidden.bias,
        }
        return {name: value.detach() for name, value in values.items()}

    @torch.no_grad()
    def load_numbers(self, stored: dict[str, Tensor]) -> None:
        """Take back what `numbers` gave."""
        self.temperature.copy_(stored["temperature"].log())
        for name in ("ridge8", "ridge4", "ridge2"):
            getattr(self, name).copy_(stored[name].expm1().log())
        self.hidden.weight.copy_(stored["hidden"])
        self.hidden.bias.copy_(stored["bias"])


def fit_ridge(x: Tensor, positive: Tensor, negative: Tensor, fold: Tensor, strength: Tensor) -> Ridge:
    """Ridge regression of +1 on the thing and -1 on the rest, both counting alike, for T tasks on the same places.

    x (J, D), weights (T, J), fold (J,) below FOLDS: the part of the cues that a place belongs to.
    """
    x1 = F.pad(x, (0, 1), value=1.0)
    weights = torch.stack([positive, negative])
    thing, rest = shares(weights)
    gram = ((thing + rest)[..., None] * x1).transpose(1, 2) @ x1
    gram, beta = _solve(gram, (thing - rest) @ x1, strength)
    fit = _balanced(x1 @ beta.T, weights)
    return Ridge(beta, gram, fit.detach(), _left_out(x1.detach(), weights, fold, strength.detach()))


@torch.no_grad()
def _left_out(x1: Tensor, weights: Tensor, fold: Tensor, strength: Tensor) -> Tensor:
    """(T,): how well each part of the cues is told apart by the regression on the others; 0 where a part leaves no
    thing to the others, or there is only one."""
    folds = [fold == f for f in range(int(fold.max()) + 1)]
    found = weights.new_zeros(weights.shape[1])
    if len(folds) < 2:
        return found
    seen = [(weights[:, :, f, None] * x1[f]).transpose(2, 3) @ x1[f] for f in folds]
    total = torch.stack(seen).sum(0)
    scores = x1.new_empty(len(x1), len(found))
    whole = torch.ones_like(found, dtype=torch.bool)
    for f, own in zip(folds, seen, strict=True):
        others = total - own
        whole &= (others[:, :, -1, -1] > LEAST).all(0)
        thing, rest = others / (others[..., -1:, -1:] + EPSILON)
        scores[f] = x1[f] @ _solve(thing + rest, (thing - rest)[..., -1], strength)[1].T
    return _balanced(scores, weights) * whole


def shares(weights: Tensor) -> Tensor:
    """Weights (2, T, J) of thing and rest, each adding up to 1."""
    return weights / (weights.sum(2, keepdim=True) + EPSILON)


def _balanced(scores: Tensor, weights: Tensor) -> Tensor:
    """Scores (J, T), weights (2, T, J): mean over the thing less mean over the rest, over 2, each within -1 and 1."""
    thing, rest = shares(weights)
    clipped = scores.clamp(-1, 1).T
    agreed: Tensor = ((clipped * thing).sum(1) - (clipped * rest).sum(1)) / 2
    return agreed


def _solve(gram: Tensor, difference: Tensor, strength: Tensor) -> tuple[Tensor, Tensor]:
    """(gram (T, D + 1, D + 1) with its penalty, beta (T, D + 1)); difference (T, D + 1): mean features of the thing
    less those of the rest. The bias, which comes last, is unpenalised."""
    scale = gram.diagonal(dim1=1, dim2=2)[:, :-1].mean(1)
    penalty = torch.ones(gram.shape[-1], device=gram.device)
    penalty[-1] = 1e-3
    gram = gram + torch.diag_embed(penalty * (strength * scale + 1e-5)[:, None])
    beta: Tensor = torch.linalg.solve(gram, difference[:, :, None])[:, :, 0]
    return gram, beta


def places(maps: Tensor) -> Tensor:
    """Feature maps (K, C, h, w) as rows (K h w, C)."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def up2(x: Tensor) -> Tensor:
    """Twice the height and width, bilinear."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class Network(nn.Module):
    """Encoder, evidence and decoder under one roof, as the training uses them."""

    def __init__(self, backbone: Backbone | None = None) -> None:
        super().__init__()
        self.encoder = Encoder(backbone)
        self.evidence = Evidence()
        self.decoder = Decoder()


def mix_networks(network: Network, other: Network, share: float) -> None:
    """Move `network`'s weights and statistics to `share` of the other's and the rest of its own.

    The running average of a training is made of such moves. Two ends of training that began with the same weights lie
    in one valley, and a point between them often serves kinds that neither was trained on better than both (Wortsman et
    al. 2022, 'Model soups').
    """
    with torch.no_grad():
        for a, b in zip(network.state_dict().values(), other.state_dict().values(), strict=True):
            if a.is_floating_point():
                a.lerp_(b, share)
            else:  # counts
                a.copy_(b)
