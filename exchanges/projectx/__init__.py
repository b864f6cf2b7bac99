"""The adapter of ProjectX Gateway: futures, requests with a login token, events over a SignalR hub."""
