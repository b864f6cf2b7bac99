"""The ProjectX Gateway as a paper venue: JSON over POST, and a SignalR hub. Written from the fact sheet alone."""
