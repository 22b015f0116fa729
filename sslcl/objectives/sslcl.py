"""Supervised sample-label contrastive learning, as released."""

import torch
from torch import Tensor
from torch.nn import functional as F

from sslcl.augmentation import view_weights, views_of
from sslcl.errors import InputError
from sslcl.label_embedding import LabelEmbedding
from sslcl.logit_scale import LogitScale, spread
from sslcl.objectives import Loss, ObjectiveConfig, Shape
from sslcl.objectives._classifier import WithCrossEntropy
from sslcl.objectives._focused_contrast import (
    Focus,
    candidate_weights,
    focused_contrast,
    label_discrimination,
)
from sslcl.objectives._read_out import ReadOut
from sslcl.objectives._soft_hgr_loss import Factors, soft_hgr_loss, utterance_weights
from sslcl.similarities import SIMILARITIES, TrainStatistics, one_hot
from sslcl.similarities.soft_hgr import SoftHGR, penalty_share
from sslcl.validation import LogitScaleMode, ReadOutRule

SMALLEST_PRIOR = 1e-6
"""Stands for the share of a class without training utterances, whose logarithm is not finite."""
MEAN_MOMENTUM = 0.05
"""Weight of the newest batch in the running mean of features, once 20 batches have been seen."""


class SSLCL(WithCrossEntropy):
    """Pulls each utterance to its label's embedding and pushes it from the other labels'.

    With ``V`` views, ``C`` classes and ``p`` the softmax, per utterance, over ``V`` positives
    (each view against the label) and ``C - 1`` negatives (the full view against the wrong
    classes), all similarities times the logit scale::

        pos(p) = (1 - p)^gamma+ log p        neg(p) = p^gamma- log(1 - p)
        L_SL   = -1/N sum_i w_i [ 1/V sum_v lambda_v pos(p_iv) + 1/(C-1) sum_r neg(p_ir) ]
        L_LL   = -1/C sum_k 1/(C-1) sum_{j != k} neg(q_kj),  q_k = softmax of 0 and cos(g_k, g_j)
        L      = L_SL + beta L_LL + cross_entropy_weight CE

    ``w`` are :func:`~sslcl.objectives._soft_hgr_loss.utterance_weights`, ``lambda`` the view
    weights. Without augmentation the one view is the full one. CE is that of a linear classifier on
    the full view's features as they are; it shapes the features only, predictions come from the
    label embeddings. All in full precision, because released similarities differ in their third
    decimal and beyond.

    Batches of one utterance or one class are as good as their similarity makes them; under
    Soft-HGR one utterance has all similarities 0, so that only L_LL and CE teach anything.

    Source: released code of SSLCL (arXiv 2310.16676), ``SSLCL_loss.py``.

    Raises:
        InputError: for fewer than two classes.
    """

    name = "sslcl"
    lambdas: Tensor
    candidate_weights: Tensor
    class_prior: Tensor
    feature_mean: Tensor
    batches_seen: Tensor

    def __init__(self, config: ObjectiveConfig, shape: Shape) -> None:
        super().__init__(config, shape)
        if shape.classes < 2:
            raise InputError(f"objective sslcl: {shape.classes} class, expected at least 2")
        self.config = config
        self.views = views_of(config.augmentation, shape.modalities)
        self.similarity = SIMILARITIES.get(config.similarity)(shape.width)
        self.embedding = LabelEmbedding(
            shape.classes,
            shape.width,
            config.label_embedding_width,
            config.label_embedding_depth,
            config.label_embedding_dropout,
        )
        self.logit_scale = LogitScale(config.logit_scale, config.scale)
        self.read_out = ReadOut(config.inference, shape.classes, shape.width)
        lambdas = torch.tensor(view_weights(self.views))
        self.register_buffer("lambdas", lambdas, persistent=False)
        weights = candidate_weights(lambdas, shape.classes - 1)
        self.register_buffer("candidate_weights", weights, persistent=False)
        self.focus = Focus(config.focus_positive, config.focus_negative)
        self.register_buffer("class_prior", shape.class_prior.clone())
        self.register_buffer("feature_mean", torch.zeros(shape.width))
        self.register_buffer("batches_seen", torch.tensor(0))
        self.add_classifier(shape)

    @property
    def _dtype(self) -> torch.dtype:
        return self.feature_mean.dtype

    def own_loss(self, features: Tensor, labels: Tensor) -> Loss:
        """L_SL and the weighted L_LL.

        Terms: ``sample_label`` and ``label_label``, each without its weight; ``logit_std`` and
        ``logit_max`` of the scaled logits; ``penalty_share`` for similarities that have a penalty.
        """
        if type(self.similarity) is SoftHGR and self.logit_scale.constant:
            return self._soft_hgr_loss(features, labels)
        raw = self.embedding()
        contrast = self.similarity.contrast(features, labels, raw)
        if self.training:
            self._update_mean(self.similarity.prepared(features[-1].detach()).mean(dim=0))
        logits = self.logit_scale(torch.cat([contrast.positives, contrast.negatives]).T)
        sample_label = self._sample_label(logits, labels)
        label_label = label_discrimination(raw, self.config.focus_negative)
        total = sample_label + self.config.label_label_weight * label_label
        terms = _terms(sample_label.detach(), label_label.detach(), logits.detach())
        share = contrast.penalty_share
        return Loss(total, terms if share is None else {**terms, "penalty_share": share})

    def _soft_hgr_loss(self, features: Tensor, labels: Tensor) -> Loss:
        """:meth:`own_loss` of released Soft-HGR at a constant scale, in fewer operations."""
        config = self.config
        factors = Factors(
            self.candidate_weights,
            self.focus,
            config.class_weight_exponent,
            config.label_label_weight,
            self.logit_scale.scale,
        )
        total, seen = soft_hgr_loss(features, labels, self.embedding, factors)
        with torch.inference_mode():
            if self.training:
                self._update_mean(seen.mean)
            terms = _terms(seen.sample_label, seen.label_label, seen.logits.T)
            terms["penalty_share"] = penalty_share(*seen.sizes.unbind())
        return Loss(total, terms)

    def _sample_label(self, logits: Tensor, labels: Tensor) -> Tensor:
        counts = one_hot(labels, len(self.class_prior), logits.dtype).sum(dim=0)
        weights = utterance_weights(counts, labels, self.config.class_weight_exponent)
        # Divided by the number of views, not by the sum of their weights, as released.
        return focused_contrast(logits, self.lambdas, weights, self.focus)

    def _update_mean(self, newest: Tensor) -> None:
        weight = self.batches_seen.add_(1).reciprocal().clamp_(min=MEAN_MOMENTUM)
        self.feature_mean.lerp_(newest, weight.to(newest.dtype))

    def scores(self, features: Tensor) -> Tensor:
        """``(N, C)`` scores by the configuration's read-out rule.

        ::

            similarity       the similarity's own inference form, not times the logit scale
            prior_adjusted   a (f - m)' (g_k - sum_c pi_c g_c) + log pi_k
            probe            W f + b, multinomial logistic regression on features

        ``f`` and ``g`` are features and label embeddings as the similarity takes them, those of the
        probe as the backbone gives them; ``m`` the average of the training batches' means,
        exponentially fading after the first 20; ``pi`` the class shares of the training split;
        ``a`` one number, ``W`` and ``b`` a classifier, fitted to the training split by
        :meth:`fit_read_out`. Label embeddings are without dropout.
        """
        rule = self.read_out.rule
        with torch.autocast(features.device.type, enabled=False):
            wide = features.to(self.feature_mean.dtype)
            if rule == "probe":
                return wide @ self.read_out.weight.T + self.read_out.bias
            if rule == "prior_adjusted":
                return self._alignment(wide) * self.read_out.scale + self._log_prior()
            return self.similarity.scores(
                self.similarity.prepared(wide),
                self.similarity.prepared(self.embedding.vectors()),
                TrainStatistics(self.feature_mean, self.class_prior),
            )

    def _alignment(self, features: Tensor) -> Tensor:
        """``(f - m)' (g_k - sum_c pi_c g_c)``, ``(N, C)``."""
        centred = self.similarity.prepared(features) - self.feature_mean
        embeddings = self.similarity.prepared(self.embedding.vectors())
        return centred @ (embeddings - self.class_prior @ embeddings).T

    def _log_prior(self) -> Tensor:
        return self.class_prior.clamp(min=SMALLEST_PRIOR).log()

    @property
    def rules(self) -> tuple[ReadOutRule, ...]:
        """The one rule, or all of them under ``auto``."""
        return self.read_out.rules

    @property
    def reads_training(self) -> bool:
        """Whether a rule fits something to the training split."""
        return self.rules != ("similarity",)

    def use_rule(self, rule: ReadOutRule) -> None:
        """Predict by ``rule`` from now on."""
        self.read_out.use(rule)

    @torch.no_grad()
    def fit_read_out(self, features: Tensor, labels: Tensor) -> None:
        """Fit ``a``, ``W`` and ``b`` of the rules that may be used; see :meth:`scores`."""
        wide = features.to(self.feature_mean.dtype)
        if "prior_adjusted" in self.rules:
            self.read_out.fit_scale(self._alignment(wide), self._log_prior(), labels)
        if "probe" in self.rules:
            self.read_out.fit_probe(wide, labels)

    def label_vectors(self) -> Tensor:
        """``(C, D)`` label embeddings, L2-normalised, without dropout."""
        return F.normalize(self.embedding.vectors(), dim=-1)

    @classmethod
    def default_logit_scale(cls, similarity: str) -> LogitScaleMode:
        """That of the similarity."""
        return SIMILARITIES.get(similarity).logit_scale

    @classmethod
    def unread_fields(cls, config: ObjectiveConfig) -> frozenset[str]:
        """Fields without effect.

        ``label_embedding_width`` at depth 0, ``scale`` with the released logit scale,
        ``augmentation`` with one modality.
        """
        unread = {
            "label_embedding_width": config.label_embedding_depth == 0,
            "scale": config.logit_scale == "released",
            "augmentation": config.modalities is not None and len(config.modalities) == 1,
        }
        return frozenset(name for name, idle in unread.items() if idle)


def _terms(sample_label: Tensor, label_label: Tensor, logits: Tensor) -> dict[str, Tensor]:
    return {
        "sample_label": sample_label,
        "label_label": label_label,
        "logit_std": spread(logits),
        "logit_max": logits.abs().max(),
    }
