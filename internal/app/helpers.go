package app

import (
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/survey"
)

// gitHelper names git on the list.
const gitHelper = "git"

// helpers are the programs that the product itself starts, and nothing else:
// by absolute path, with an environment that is written here, and only when
// nobody but root can change them.
func helpers() []sandbox.Helper {
	return []sandbox.Helper{
		// Tailscale is asked whom it lets in; its socket answers everybody.
		{Name: survey.TailscaleHelper, Paths: tailscalePaths(),
			Env: []string{"PATH=/usr/bin:/bin", "LANG=C"}, Identity: sandbox.IdentityGateway, Level: policy.LevelProcess, Timeout: 5 * time.Second, OutputBytes: 4 << 20},
		// It is told what to serve only by gateway tailscale, after the record has it.
		{Name: tailscaleServe, Paths: tailscalePaths(), Env: []string{"PATH=/usr/bin:/bin", "LANG=C"}, Identity: sandbox.IdentityGateway, Level: policy.LevelProcess, Timeout: 30 * time.Second, OutputBytes: 64 << 10},
		// Git fetches the files of one commit; no configuration but this, no
		// work tree, no protocol but two.
		{Name: gitHelper, Paths: []string{"/usr/bin/git", "/usr/local/bin/git", "/opt/homebrew/bin/git"},
			Env: []string{"PATH=/usr/bin:/bin", "LANG=C", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false",
				"GIT_ALLOW_PROTOCOL=https:file", "GIT_PROTOCOL_FROM_USER=0", "GIT_CONFIG_COUNT=3", "GIT_CONFIG_KEY_0=core.hooksPath", "GIT_CONFIG_VALUE_0=/dev/null",
				"GIT_CONFIG_KEY_1=http.followRedirects", "GIT_CONFIG_VALUE_1=false", "GIT_CONFIG_KEY_2=core.fsmonitor", "GIT_CONFIG_VALUE_2=false"},
			Identity: sandbox.IdentityGateway, Level: policy.LevelProcess, Timeout: 2 * time.Minute, OutputBytes: 48 << 20},
	}
}

// tailscaleServe is the tailscale program when it is to change what it serves.
const tailscaleServe = "tailscale-serve"

func tailscalePaths() []string {
	return []string{"/usr/bin/tailscale", "/usr/sbin/tailscale", "/usr/local/bin/tailscale", "/opt/tailscale/tailscale", "/opt/homebrew/bin/tailscale", "/Applications/Tailscale.app/Contents/MacOS/Tailscale"}
}
