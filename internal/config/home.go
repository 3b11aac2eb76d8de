package config

import (
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/json5"
)

// Home is what varies between generated homes.
type Home struct {
	// State is the state directory as it is written in the file; empty is
	// "~/.openclaw".
	State string
	// Port of the gateway; 0 is DefaultPort.
	Port int
	// Token says where the gateway's token is; NoSecret is the file provider's
	// "/gateway/token". A literal is refused: tokens do not belong in the file.
	Token SecretRef
}

// HomeText is the configuration of a new home: the guide's baseline under the
// agent main, and workbench for work with files and commands.
func HomeText(h Home) (string, error) {
	if h.State == "" {
		h.State = "~/.openclaw"
	}
	if h.Port == 0 {
		h.Port = DefaultPort
	}
	if h.Port < 1 || h.Port > 65535 {
		return "", fmt.Errorf("config: port %d is not between 1 and 65535", h.Port)
	}
	token, err := refText(h.Token)
	if err != nil {
		return "", err
	}
	state := strings.TrimRight(h.State, "/")
	deny := []string{"/etc", "/root/.ssh", "/home/*/.ssh", "~/.openclaw/credentials"}
	if own := state + "/credentials"; own != deny[3] {
		deny = append(deny, own)
	}
	for i := range deny {
		deny[i] = json5.Quote(deny[i])
	}
	return strings.NewReplacer(
		"@PORT@", fmt.Sprint(h.Port), "@TOKEN@", token, "@DENYPATHS@", strings.Join(deny, ", "),
		"@LOG@", json5.Quote(state+"/logs/gateway.log"), "@AUDIT@", json5.Quote(state+"/logs/audit.log"),
	).Replace(homeText), nil
}

// refText prints a reference as it stands in a file.
func refText(s SecretRef) (string, error) {
	switch s.Kind {
	case NoSecret:
		return `{ source: "file", provider: "default", id: "/gateway/token" }`, nil
	case SecretEnv, SecretFile, SecretExec, SecretStore:
		if what := badID(s.Kind, s.ID); what != "" {
			return "", fmt.Errorf("config: token id %q, expected %s", s.ID, what)
		}
		provider := s.Provider
		if provider == "" {
			provider = "default"
		}
		return fmt.Sprintf("{ source: %s, provider: %s, id: %s }", json5.Quote(s.Kind.String()), json5.Quote(provider), json5.Quote(s.ID)), nil
	case SecretLiteral, SecretTemplate:
		return "", fmt.Errorf("config: a %s token does not belong in a generated file, expected a reference", s.Kind)
	}
	return "", fmt.Errorf("config: a token of kind %d, expected a reference", s.Kind)
}

// Default is what holds when there is no configuration: the generated home.
// Its values have a pointer and no file.
func Default() *Config {
	text, err := HomeText(Home{})
	if err != nil {
		panic("config: the generated home is broken: " + err.Error())
	}
	c, ps := ParseBytes("", []byte(text), nil)
	if ps.HasErrors() {
		panic("config: the generated home is broken: " + ps.Error())
	}
	return c
}

const homeText = `// Configuration of this gateway (JSON5). A change is checked before it applies;
// one that loosens waits until you accept it: openclaw config accept
{
  gateway: {
    mode: "local",
    port: @PORT@,
    bind: "loopback", // reach it from elsewhere with Tailscale serve or ssh -L
    auth: {
      mode: "token",
      token: @TOKEN@, // show it: openclaw gateway token --reveal
    },
    http: { enabled: false }, // true opens the HTTP API; the web pages work without
  },
  session: {
    dmScope: "per-channel-peer", // people do not see each other's conversations
  },
  tools: {
    profile: "messaging",
    fs: {
      workspaceOnly: true,
      denyPaths: [@DENYPATHS@],
    },
    exec: {
      security: "deny",
      ask: "always",
      elevated: { enabled: false },
    },
    agents: {
      // What workbench gains. Its exec block replaces the one above.
      workbench: {
        allow: ["read", "write", "edit", "exec", "process"],
        exec: {
          security: "allowlist",
          ask: "on-miss", // a command that is not listed asks you first
          allowlist: ["ls", "cat", "grep", "git status", "git log", "git diff"],
          denylist: ["rm -rf", "curl | sh", "wget -O - | bash", "chmod 777", "dd if=", "> /dev/sd"],
        },
      },
    },
  },
  agents: {
    list: [
      // The guide's hardened baseline: it chats; files, commands, automation
      // and other sessions are denied whatever is allowed elsewhere.
      {
        id: "main",
        default: true,
        tools: { deny: ["group:automation", "group:runtime", "group:fs", "sessions_spawn", "sessions_send"] },
      },
      // For work with files and commands: from the command line and the web
      // pages only, never from a channel, hook or job.
      { id: "workbench", surfaces: ["cli", "webchat"] },
    ],
  },
  skills: {
    policy: "allowlist", // only what is listed installs and loads
    allowlist: [],
  },
  logging: {
    level: "info",
    redactSensitive: "tools",
    file: { enabled: true, path: @LOG@, maxSize: "50M", maxFiles: 10 },
    audit: {
      enabled: true,
      path: @AUDIT@,
      events: ["auth.failure", "exec.command", "channel.message", "tool.invoke"],
    },
  },
  security: {
    nightly: { enabled: true, at: "03:00" },
  },
}
`
