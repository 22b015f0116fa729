"""Supervised contrastive learning between utterances in several views."""

from sslcl.augmentation import views_of
from sslcl.errors import InputError
from sslcl.objectives import ObjectiveConfig, Shape, unread_except
from sslcl.objectives.supcon import SupCon


class SupConMultiview(SupCon):
    """:class:`~sslcl.objectives.supcon.SupCon` over all views: ``M = V N`` samples.

    Every utterance in every view of ``augmentation`` is an anchor; positives are all other
    samples of its class, so its own other views too. Views weigh alike. Every anchor has a
    positive as soon as there are two views; a batch of one utterance draws its views to equal
    similarity, having nothing to push them from. CE is on the full view.

    Where the dataset has one modality only there is no masked view, and this is ``supcon``; a
    configuration that says so itself is refused.

    Source: Khosla et al., NeurIPS 2020, arXiv 2004.11362, with masked-modality views for
    augmentations, as in the baselines of SSLCL (arXiv 2310.16676), whose details are not public.
    """

    name = "supcon_multiview"

    def __init__(self, config: ObjectiveConfig, shape: Shape) -> None:
        super().__init__(config, shape)
        self.views = views_of(config.augmentation, shape.modalities)

    @classmethod
    def check(cls, config: ObjectiveConfig) -> None:
        """Refuse what leaves no masked view, or nothing that predicts.

        Raises:
            InputError: with the reason.
        """
        super().check(config)
        one = config.modalities is not None and len(config.modalities) == 1
        if one or config.augmentation == "none":
            cause = "one modality" if one else "augmentation none"
            raise InputError(
                f"objective {cls.name}: {cause} leaves no masked view, expected objective supcon"
            )

    @classmethod
    def unread_fields(cls, config: ObjectiveConfig) -> frozenset[str]:
        """All that belong to other objectives, and ``scale`` where it is not applied."""
        return unread_except(config, "cross_entropy_weight", "augmentation")
