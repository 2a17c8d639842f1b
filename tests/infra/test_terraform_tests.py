"""Terraform's own tests, infra/tests/*.tftest.hcl."""
import unittest

from states import workspace


class TerraformsOwnTests(unittest.TestCase):
    def test_the_tests_in_infra_pass(self):
        said = workspace(False).run("test")
        self.assertIn(", 0 failed", said)


if __name__ == "__main__":
    unittest.main()
