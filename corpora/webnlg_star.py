"""WebNLG*: the last-word version of WebNLG."""

from corpora.triple_list import TripleListCorpus


class WebNlgStar(TripleListCorpus):
    """The triples of `webnlg` that the starred files keep, each name cut to its last word."""

    name = "webnlg_star"
    title = "WebNLG*, DBpedia texts: 171 relations, names cut to their last words"
    licence = "CC BY-NC-SA 4.0"
    source = "https://github.com/weizhepei/CasRel"
    citation = (
        "Gardent et al. 2017, Creating Training Corpora for NLG Micro-Planning; files of Wei et "
        "al. 2020 (CasRel)"
    )
