# SPDX-License-Identifier: BSD-3-Clause
"""The lab: an Azure region built from network namespaces (docs/lab.md)."""
