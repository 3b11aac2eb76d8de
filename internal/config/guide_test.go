package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/json5"
)

// guide reads the specification; it is no part of the repository.
func guide(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "guide.txt"))
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// snippets are the JSON objects of a text: from a line "{" to its "}".
func snippets(text string) []string {
	var out []string
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if lines[i] != "{" {
			continue
		}
		depth, body := 0, []string{}
		for ; i < len(lines); i++ {
			body = append(body, lines[i])
			depth += strings.Count(lines[i], "{") + strings.Count(lines[i], "[") - strings.Count(lines[i], "}") - strings.Count(lines[i], "]")
			if depth == 0 {
				// The text goes on right behind the brace.
				last := &body[len(body)-1]
				*last = (*last)[:strings.LastIndexByte(*last, '}')+1]
				break
			}
		}
		out = append(out, strings.Join(body, "\n"))
	}
	return out
}

// Own words of the guide's forms, so that the test does not depend on the text
// being there.
var guideForms = []string{
	`{ "gateway": { "mode": "local", "bind": "loopback", "auth": { "mode": "token", "token": "0123456789abcdef0123456789abcdef" }, "http": { "enabled": false } } }`,
	`{ "channels": { "telegram": { "token": { "$env": "BOT" } } }, "models": { "default": { "apiKey": { "$env": "KEY" } } } }`,
	`{ "tools": { "profile": "messaging", "deny": ["group:fs", "sessions_send"], "fs": { "workspaceOnly": true, "denyPaths": ["/etc"] }, "exec": { "security": "deny", "ask": "always", "elevated": { "enabled": false } } } }`,
	`{ "tools": { "allow": ["web_search", "Read"], "agents": { "coding": { "allow": ["exec", "Edit"], "exec": { "security": "allowlist", "allowlist": ["git"] } } } } }`,
	`{ "skills": { "allowlist": ["weather"], "policy": "allowlist", "versions": { "weather": "1.0.0" } } }`,
	`{ "logging": { "level": "info", "redactSensitive": "tools", "file": { "enabled": true, "path": "~/x.log", "maxSize": "50M", "maxFiles": 10 }, "audit": { "enabled": true, "path": "~/a.log", "events": ["auth.failure"] } } }`,
}

func TestGuideSnippets(t *testing.T) {
	all := guideForms
	if text := guide(t); text != "" {
		found := snippets(text)
		if len(found) < 8 {
			t.Fatalf("%d snippets found in the guide, expected at least 8", len(found))
		}
		all = append(all, found...)
	}
	for _, s := range all {
		c, ps := ParseBytes("openclaw.json", []byte(s), nil)
		if len(ps) > 0 {
			t.Errorf("%s\n%v", s, ps)
		}
		if c == nil {
			t.Fatal("no config")
		}
		// Every key of it was typed: what Get shows is what stands there.
		if n, err := c.Get(""); err != nil || n.Kind != json5.Object {
			t.Errorf("Get: %v, %v", n, err)
		}
	}
}

func TestGuideValues(t *testing.T) {
	c, ps := ParseBytes("f", []byte(`{
	 "gateway": { "auth": { "token": "0123456789abcdef0123456789abcdef" }, "http": { "enabled": false } },
	 "channels": { "telegram": { "token": { "$env": "TELEGRAM_BOT_TOKEN" } } },
	 "models": { "default": { "apiKey": { "$env": "ANTHROPIC_API_KEY" } } },
	 "tools": { "allow": ["Read", "Write"], "agents": { "coding-assistant": { "allow": ["exec", "Edit"], "exec": { "security": "allowlist", "allowlist": ["git", "npm"] } } } },
	 "logging": { "file": { "maxSize": "50M" } } }`), nil)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	if v := c.Gateway.HTTP.Enabled; !v.Set || v.V {
		t.Errorf("http.enabled = %+v", v)
	}
	if v := c.Channels.Telegram.BotToken; !v.Set || v.V.Kind != SecretEnv || v.V.ID != "TELEGRAM_BOT_TOKEN" || v.Ref.Pointer != "channels.telegram.token" {
		t.Errorf("telegram token = %+v", v)
	}
	if v := c.Models.Default.APIKey; v.V.String() != "env:ANTHROPIC_API_KEY" {
		t.Errorf("apiKey = %v", v.V)
	}
	if got := Strings(c.Tools.Allow); len(got) != 2 || got[0] != "read" || got[1] != "write" {
		t.Errorf("tools are not folded: %v", got)
	}
	a := c.Tools.Agents.Get("coding-assistant")
	if a == nil || a.Exec.Security.V != ExecAllowlist || len(a.Exec.Allowlist.V) != 2 {
		t.Errorf("coding-assistant = %+v", a)
	}
	if got := a.Exec.Allowlist.V[1].Ref.String(); got != "f:5:159 tools.agents.coding-assistant.exec.allowlist[1]" {
		t.Errorf("place of the entry: %s", got)
	}
	if v := c.Logging.File.MaxSize; v.V != 50<<20 {
		t.Errorf("maxSize = %d", v.V)
	}
	all := c.Agents.All()
	if len(all) != 2 || all[0].ID.V != "main" || all[1].ID.V != "coding-assistant" {
		t.Errorf("agents: %v", all)
	}
}
