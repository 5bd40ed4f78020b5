"""Every screen and every slip on one page, in both languages, on each panel and paper; and what a change did to them.

    pieces (what there is to look at) → book (gallery.json, which can be compared) → page (index.html)
"""
