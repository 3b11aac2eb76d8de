package survey

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// Ran is a process and whether its program was replaced since it started.
type Ran struct {
	audit.Process
	Replaced bool
}

// isGateway reports a command line that runs a gateway, ours or upstream's.
func isGateway(argv []string) bool {
	at := slices.IndexFunc(argv, func(a string) bool {
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(a), ".mjs"), ".js")
		return name == "openclaw" || name == "clawdbot" || name == "moltbot" || strings.Contains(a, "openclaw/dist/") || strings.HasPrefix(name, "openclaw-gateway")
	})
	if at < 0 || at > 3 {
		return false
	}
	if strings.HasPrefix(filepath.Base(argv[at]), "openclaw-gateway") {
		return true
	}
	rest := argv[at+1:]
	for i := 0; i < len(rest); i++ {
		switch a := rest[i]; {
		case a == "--profile":
			i++ // its value
		case strings.HasPrefix(a, "-"):
		default:
			return a == "gateway" || a == "up"
		}
	}
	return false
}

// overriding are options that win over the configuration.
var overriding = []string{"--bind", "--port", "--auth", "--tailscale", "--allow-unconfigured", "--dev"}

// process tells of a command line what may be told.
func process(argv []string) audit.Process {
	p := audit.Process{}
	shown := []string{}
	for i := 0; i < len(argv); i++ {
		name, value, joined := strings.Cut(argv[i], "=")
		if slices.Contains(overriding, name) {
			flag := name
			if joined {
				flag += "=" + value
			} else if i+1 < len(argv) && !strings.HasPrefix(argv[i+1], "-") {
				flag += " " + argv[i+1]
			}
			p.Flags = append(p.Flags, flag)
		}
		if name == "--token" || name == "--password" || audit.SecretVariables(name) && strings.HasPrefix(name, "--") {
			p.Secret = true
			shown = append(shown, name, "…")
			if !joined {
				i++
			}
			continue
		}
		shown = append(shown, argv[i])
	}
	p.Cmd = strings.Join(shown, " ")
	if len(p.Cmd) > 300 {
		p.Cmd = p.Cmd[:300] + "…"
	}
	return p
}
