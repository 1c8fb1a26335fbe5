# SPDX-License-Identifier: Apache-2.0
"""Campaigns: stages, events, costs, and pictures of them."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import sbi  # noqa: E402

PROGRAM = pathlib.Path(os.environ["SBI_LIBRARY"]).resolve().parent / "bin" / "sbi-campaign"
PACKAGE = pathlib.Path(__file__).resolve().parent.parent


class Campaigns(unittest.TestCase):
    """The specs are no jobs: each task fails, which is as good for looking at."""

    def run_one(self, folder, **options):
        campaign = sbi.Campaign(f"{folder}/c", max_failures=9, core_hour=3600.0, currency="EUR", **options)
        campaign.add(b"nonsense", "a", stage="train", cpus=2)
        campaign.add(b"more", "b", stage="fit", gpus=1)
        campaign.add(b"last", "c", stage="fit", after=["a"])
        with sbi.Executor("local", threads=1) as executor:
            with self.assertRaises(sbi.SbiError):
                campaign.run(executor)
        return campaign

    def test_looking(self):
        heard = []
        with tempfile.TemporaryDirectory() as folder:
            lines = f"{folder}/events.jsonl"
            with self.run_one(folder, event=heard.append, event_file=lines) as campaign:
                stages = campaign.stages()
                self.assertEqual(list(stages), ["train", "fit"])
                self.assertEqual((stages["train"]["given_up"], stages["fit"]["waiting"]), (1, 1))
                self.assertEqual(campaign.usage()["tasks"], 3)
                cost, currency = campaign.cost()
                seconds = sum(u["seconds"] * (2 if s == "train" else 1) for s, u in stages.items())
                self.assertAlmostEqual(cost, seconds)
                self.assertEqual(currency, "EUR")
                self.assertEqual(campaign.retry("a"), 1)
                self.assertEqual([e["key"] for e in heard if e["event"] == "given up"], ["a", "b"])
                self.assertEqual(len(campaign.timeline()["attempts"]), 2)
            rows = [json.loads(line) for line in pathlib.Path(lines).read_text().splitlines()]
            self.assertEqual([r["event"] for r in rows], [e["event"] for e in heard])
            self.assertEqual([r["seq"] for r in rows], list(range(len(rows))))

    def test_a_listener_that_raises(self):
        def raises(event):
            raise KeyError(event["key"])

        with tempfile.TemporaryDirectory() as folder, sbi.Campaign(f"{folder}/c", event=raises) as campaign:
            campaign.add(b"nonsense", "a")
            with sbi.Executor("local") as executor, self.assertRaises(KeyError):
                campaign.run(executor)

    def test_picture(self):
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            self.skipTest("matplotlib is not installed")
        environment = dict(os.environ, PYTHONPATH=str(PACKAGE), SBI_PYTHON=sys.executable)
        with tempfile.TemporaryDirectory() as folder:
            self.run_one(folder).close()
            subprocess.run([PROGRAM, "timeline", f"{folder}/c", "--png", f"{folder}/t.png"], check=True, env=environment)
            self.assertEqual(pathlib.Path(folder, "t.png").read_bytes()[:8], b"\x89PNG\r\n\x1a\n")

    def test_shape_of_a_picture(self):
        try:
            import matplotlib.pyplot as plt
        except ImportError:
            self.skipTest("matplotlib is not installed")
        data = {"begin_ms": 0, "end_ms": 10000, "attempts": [
            {"stage": "train", "begin_ms": 0, "end_ms": 4000, "cpus": 4, "gpus": 1},
            {"stage": "train", "begin_ms": 2000, "end_ms": 10000, "cpus": 2, "gpus": 0}]}
        axs = sbi.plots.campaign_timeline(data) if hasattr(sbi, "plots") else __import__("sbi.plots").plots.campaign_timeline(data)
        self.assertEqual([a.get_ylabel() for a in axs], ["cores in use", "GPUs in use"])
        top = axs[0].collections[0].get_paths()[0].vertices[:, 1].max()
        self.assertEqual(top, 6)
        plt.close(axs[0].figure)


if __name__ == "__main__":
    unittest.main()
