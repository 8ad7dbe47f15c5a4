"""Makes the HDF5 files of this folder with h5py: what Keras itself does not write, but a reader meets."""
import h5py
import numpy as np

values = np.arange(35, dtype=np.float64).reshape(5, 7) / 8

with h5py.File("filters.h5", "w") as f:
    f.create_dataset("gzip", data=values, compression="gzip", shuffle=True, fletcher32=True, chunks=(2, 3))
    f.create_dataset("shuffled", data=values.astype(">i4"), shuffle=True, chunks=(4, 4))
    f["half"] = values.astype("f2")
    f["big_endian"] = values.astype(">f8")
    f["unsigned"] = (values * 8).astype("u1")
    f["long"] = np.int64(-7)
    f["empty"] = np.zeros((0, 3), "f4")
    f["complex"] = values.astype("c8")
    f.attrs["fixed"] = np.array([b"a", b"bcd"])
    f.attrs["variable"] = ["x" * n for n in range(40)]
    f.attrs["text"] = "\u00e9t\u00e9"
    for i in range(200):  # an index of several levels
        f[f"many/n{i}"] = np.float32(i)

with h5py.File("latest.h5", "w", libver="latest") as f:
    f["values"] = values

with h5py.File("user_block.h5", "w", userblock_size=512) as f:
    f["values"] = values
