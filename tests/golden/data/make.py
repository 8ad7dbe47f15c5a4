#!/usr/bin/python3
"""Writes the small files beside it: data sets in the formats that other programs write (Pillow, NumPy, zipfile, tarfile, gzip).

Run in this folder with Debian's python3-pil and python3-numpy.
"""
import gzip
import io
import struct
import tarfile
import zipfile

import numpy as np
from PIL import Image

DATE = (2020, 1, 1, 0, 0, 0)


def picture(mode, color, form):
    out = io.BytesIO()
    Image.new(mode, (8, 6), color).save(out, form, **({"quality": 95} if form == "JPEG" else {}))
    return out.getvalue()


def pictures():
    return {
        "pictures/train/blue/a.jpg": picture("RGB", (0, 0, 255), "JPEG"),
        "pictures/train/blue/b.PNG": picture("RGBA", (0, 0, 255, 10), "PNG"),
        "pictures/train/red/a.png": picture("RGB", (255, 0, 0), "PNG"),
        "pictures/test/grey/a.jpeg": picture("L", 100, "JPEG"),
        "pictures/test/red/a.png": picture("P", 0, "PNG"),
        "pictures/notes.txt": b"no picture",
        "pictures/train/red/.hidden.png": b"no picture",
        "__MACOSX/pictures/train/red/a.png": b"no picture",
    }


def batch():
    """A batch of CIFAR as Python 2 pickled it (protocol 2, str objects as byte strings): two images."""
    def text(value):
        return b"U" + bytes([len(value)]) + value
    pixels = bytes(i % 251 for i in range(2 * 3072))
    array = (b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85q\x09" + text(b"b") + b"q\x0a\x87q\x0bRq\x0c"
             b"(K\x01K\x02M\x00\x0c\x86q\x0dcnumpy\ndtype\nq\x0e" + text(b"u1") + b"q\x0fK\x00K\x01\x87q\x10Rq\x11(K\x03" + text(b"|") +
             b"q\x12NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x13b\x89T" + struct.pack("<I", len(pixels)) + pixels + b"q\x14tq\x15b")
    return (b"\x80\x02}q\x01(" + text(b"batch_label") + b"q\x02" + text(b"training batch 1 of 5") + b"q\x03" + text(b"labels") +
            b"q\x04]q\x05(K\x06K\x09e" + text(b"data") + b"q\x06" + array + text(b"filenames") + b"q\x16]q\x17(" + text(b"a.png") + b"q\x18" +
            text(b"b.png") + b"q\x19eu.")


def main():
    with zipfile.ZipFile("pictures.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in pictures().items():
            out.writestr(zipfile.ZipInfo(name, DATE), content)
    values = {"x": np.arange(6, dtype="<f4").reshape(2, 3), "y": np.array([1, 0], "<i8"),
              "fortran": np.asfortranarray(np.arange(6, dtype="<i4").reshape(2, 3)), "flags": np.array([True, False])}
    np.savez_compressed("values.npz", **values)
    with open("digits-idx3-ubyte.gz", "wb") as out:
        out.write(gzip.compress(struct.pack(">IIII", 0x803, 2, 2, 3) + bytes(range(12)), mtime=0))
    with open("files.tar.gz", "wb") as out:
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for name, content in {"folder/small": b"hello", "folder/" + "long" * 40: b"long", "folder/large": bytes(5000)}.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        out.write(gzip.compress(plain.getvalue(), mtime=0))
    with open("batch.pickle", "wb") as out:
        out.write(batch())


if __name__ == "__main__":
    main()
