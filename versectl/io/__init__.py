"""Files in and out: images, DICOM, centroids, folders of cases, atomic writing."""

#: What a file in OUT holds -> how its name ends, behind the case's. Here, since who only reads
#: records and reports need not load what reads images.
ENDINGS = {
    "spine": "_spine.json",
    "vertebrae": "_ctd.json",
    "markups": "_ctd.mrk.json",
    "segmentation": "_seg.nii.gz",
    "heatmap": "_spine_heatmap.nii.gz",
    "report": "_report.json",
    "provenance": "_provenance.json",
    "preview": "_preview.png",
}
