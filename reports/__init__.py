"""The monthly net-zero report as PDF, XLSX and JSON."""
