"""A browser on this device: konnectors, autofill and collected data.

Takes credentials from an interface (credentials.py), never from a vault, and
keeps from the konnector's code what it may not know. The door is
`konnector_runner.run.run_konnector`; importing the package itself loads no
browser driver. The protocol: protocol/konnector-bridge.md.
"""
