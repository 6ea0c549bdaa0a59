"""WebNLG: texts that describe DBpedia triples, names given whole."""

from corpora.triple_list import TripleListCorpus


class WebNlg(TripleListCorpus):
    """Whole names as surface strings, aligned to the text."""

    name = "webnlg"
    title = "WebNLG, texts on DBpedia triples: 216 relations, whole names"
    licence = "CC BY-NC-SA 4.0"
    source = "https://github.com/131250208/TPlinker-joint-extraction"
    citation = (
        "Gardent et al. 2017, Creating Training Corpora for NLG Micro-Planning; whole-span files "
        "of Wang et al. 2020 (TPLinker)"
    )
    hub_name = "webnlg-challenge/web_nlg"
