"""What is known of languages: words, sentences, capitals, tone, numbers in words."""
