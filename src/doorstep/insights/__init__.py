"""Read models: an order's story in plain words. Written from the journal, never the other way round."""

from doorstep.insights.story import Chapter, Moment, moments, story

__all__ = ["Chapter", "Moment", "moments", "story"]
