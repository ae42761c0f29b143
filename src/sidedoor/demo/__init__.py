"""The demonstration: plays the user guide's chapter through boto3 and shows that bytes flow."""

from __future__ import annotations
