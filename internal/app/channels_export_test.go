package app

import "github.com/openclaw-go/openclaw/internal/gateway"

// Channels is what an operator does with channels.
func (a *App) Channels() interface {
	gateway.Channels
	gateway.ChannelDesk
} {
	return a.channels
}
