"""Files in and out: images, DICOM, centroids, folders of cases, atomic writing."""
