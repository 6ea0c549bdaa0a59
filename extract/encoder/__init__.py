"""From text to word states: words, sentences, windows, the pretrained encoder, layer fusion, pooling."""
