"""Our client and server against what others wrote on the kernel's TCP, over good and bad links: every body whole, the same
counts on both sides, no RST at close, nothing for tshark to complain of that the link does not explain."""
import pytest
from cells import LINKS, client_cell, server_cell
from peers import CLIENTS, SERVERS


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("server", SERVERS, ids=lambda s: s.__name__)
def test_our_client_against(engine, netns, public, server, link):
    client_cell(engine, netns, public, server, link)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda c: c.__name__)
def test_our_server_against(engine, netns, public, client, link):
    server_cell(engine, netns, public, client, link)
