# SPDX-License-Identifier: Apache-2.0
import pathlib
import tempfile
import unittest

import sbi


class StoreTest(unittest.TestCase):
    def test_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            store = sbi.Store(folder)
            store.put("b/2", b"two")
            store.put("a", b"one", create=True)
            with self.assertRaises(sbi.SbiError):
                store.put("a", b"other", create=True)
            self.assertEqual(store.list(), ["a", "b/2"])
            self.assertEqual(store.list("b"), ["b/2"])
            self.assertEqual(store.get("b/2"), b"two")
            self.assertEqual(store.get("b/2", 1, 1), b"w")
            with self.assertRaises(sbi.NotFound):
                store.get("c")
            path = pathlib.Path(folder, "out")
            store.get_file("a", str(path))
            self.assertEqual(path.read_bytes(), b"one")
            store.remove("a")
            store.remove("a")
            store.close()


if __name__ == "__main__":
    unittest.main()
