"""napari as a door: layers are cues, what they show is found in other layers, stacks and folders, as Labels layers.

    layers.py    napari's layers as values that a thread can read
    pictures.py  an Image layer as a picture, a volume, a time series or pictures one by one
    marks.py     Labels, Points and Shapes layers as the marks of cues
    jobs.py      learning and finding, away from the window
    results.py   answers as Labels layers
    panel.py     the dock widget
    sample.py    pictures to try it on

Everything below the panel works without napari and Qt. `napari.yaml` is the manifest that napari reads.
"""
