"""What other systems say of the same questions: their scenarios, our answers."""
