"""From readings to slots, and from slots to every derived series."""
