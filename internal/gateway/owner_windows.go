package gateway

import (
	"errors"
	"net"
)

// ownedConn is a connection whose peer was checked; there is none here.
type ownedConn struct{ net.Conn }

// ListenOwner refuses: the peer of a socket cannot be checked on Windows.
func ListenOwner(string) (net.Listener, error) {
	return nil, errors.New("gateway: the owner's socket is not built for Windows")
}
