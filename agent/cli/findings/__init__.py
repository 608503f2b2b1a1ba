"""Findings in the forms that people and programs read; none of them knows where a finding comes from."""
