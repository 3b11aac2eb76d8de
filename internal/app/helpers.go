package app

import (
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/survey"
)

// helpers are the programs that the product itself starts, and nothing else:
// by absolute path, with an environment that is written here, and only when
// nobody but root can change them.
func helpers() []sandbox.Helper {
	return []sandbox.Helper{
		// Tailscale is asked whom it lets in; its socket answers everybody.
		{Name: survey.TailscaleHelper, Paths: []string{"/usr/bin/tailscale", "/usr/sbin/tailscale", "/usr/local/bin/tailscale", "/opt/tailscale/tailscale", "/opt/homebrew/bin/tailscale", "/Applications/Tailscale.app/Contents/MacOS/Tailscale"},
			Env: []string{"PATH=/usr/bin:/bin", "LANG=C"}, Identity: sandbox.IdentityGateway, Level: policy.LevelProcess, Timeout: 5 * time.Second, OutputBytes: 4 << 20},
	}
}
