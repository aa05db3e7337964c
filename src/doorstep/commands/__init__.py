"""The commands of `doorstep`, one file a group; what they share is in `console`. They print, the nouns do."""
