"""Read models: an order's story in plain words. Written from the journal, never the other way round."""

from doorstep.insights.story import Chapter, story

__all__ = ["Chapter", "story"]
