"""Label names inside a NIfTI file: a header extension that Connectome Workbench reads.

The extension is a Caret label table (XML, ecode 30). TotalSegmentator writes and reads the same.
"""

from xml.etree import ElementTree

from versectl import labels

#: NIfTI's number for Caret's XML.
ECODE = 30

#: The name of the background in Caret's tables.
NO_LABEL = "???"


def xml() -> bytes:
    """The table of all vertebrae; the same for every file, so that corrected ones keep to it."""
    root = ElementTree.Element("CaretExtension")
    volume = ElementTree.SubElement(root, "VolumeInformation", Index="0")
    table = ElementTree.SubElement(volume, "LabelTable")
    _label(table, 0, NO_LABEL, (0.0, 0.0, 0.0, 0.0))
    for label in labels.ORDER:
        _label(table, label, labels.NAMES[label], (*labels.color(label), 1.0))
    ElementTree.SubElement(volume, "StudyMetaDataLinkSet")
    ElementTree.SubElement(volume, "VolumeType").text = "Label"
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _label(table: ElementTree.Element, key: int, name: str, rgba: tuple[float, ...]) -> None:
    red, green, blue, alpha = (f"{part:.4f}" for part in rgba)
    row = {"Key": str(key), "Red": red, "Green": green, "Blue": blue, "Alpha": alpha}
    ElementTree.SubElement(table, "Label", row).text = name
