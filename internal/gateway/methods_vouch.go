package gateway

import (
	"context"
	"encoding/json"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Voucher is a Posture that lets an operator vouch for files. Optional.
type Voucher interface {
	// Vouch says that the file or folder at an absolute path is private and no
	// longer untrusted, as it is now.
	Vouch(ctx context.Context, path string, by claw.Principal) (json.RawMessage, error)
}

// addVouch adds policy.trust: it takes a label away, so a browser needs a fresh
// sign-in.
func (s *Server) addVouch(v Voucher) {
	s.methods["policy.trust"] = method{wire.Admin, with(func(c *conn, q struct {
		Path string `json:"path"`
	}) (any, error) {
		if err := c.confirmed(); err != nil {
			return nil, err
		}
		return v.Vouch(c.ctx, q.Path, c.by())
	})}
}
