"""The world around the terminal: devices on their wires, cards, phones, the acquirer, faults."""
