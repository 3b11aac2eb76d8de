package model

import "context"

// Guard asks before a request goes to a provider. What Allow refuses is an
// error of KindForbidden, and nothing was sent.
type Guard struct {
	Provider
	Allow func(ctx context.Context, req Request, to []Destination) error
}

// Stream asks the provider when the request may go there.
func (g Guard) Stream(ctx context.Context, req Request) Stream {
	return func(yield func(Event, error) bool) {
		if err := g.Allow(ctx, req, g.Destinations()); err != nil {
			yield(Event{}, &Error{Kind: KindForbidden, Message: err.Error()})
			return
		}
		g.Provider.Stream(ctx, req)(yield)
	}
}
