"""The web edge: the API (`web.api`). Auth, problem details and paging stand here; what is done stands in the nouns."""
