package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/json5"
)

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func parse(t *testing.T, src string) (*Config, Problems) {
	t.Helper()
	return ParseBytes("c", []byte(src), env("PORT", "9001", "NAME", "bob", "YES", "true", "BIND", "lan", "EMPTY", ""))
}

// A typo in a guard is an error with the key that was meant; elsewhere it is
// told; a key of upstream is kept.
func TestProblems(t *testing.T) {
	for _, c := range []struct {
		src, where string
		severity   Severity
		code       Code
		nearest    string
	}{
		// typos in guards
		{`{gateway:{bnd:"lan"}}`, "c:1:11 gateway.bnd", Error, CodeUnknown, "bind"},
		{`{gateway:{auth:{mod:"token"}}}`, "c:1:17 gateway.auth.mod", Error, CodeUnknown, "mode"},
		{`{gateway:{auth:{Token:"x"}}}`, "c:1:17 gateway.auth.Token", Error, CodeUnknown, "token"},
		{`{logging:{audit:{enabled:false}}}`, "c:1:26 logging.audit.enabled", Error, CodeValue, ""},
		{`{tools:{denny:["exec"]}}`, "c:1:9 tools.denny", Error, CodeUnknown, "deny"},
		{`{tools:{alow:[]}}`, "c:1:9 tools.alow", Error, CodeUnknown, "allow"},
		{`{tools:{exec:{secuirty:"deny"}}}`, "c:1:15 tools.exec.secuirty", Error, CodeUnknown, "security"},
		{`{tools:{exec:{zzzzzzz:1}}}`, "c:1:15 tools.exec.zzzzzzz", Error, CodeUnknown, ""},
		{`{tools:{fs:{workspace_only:true}}}`, "c:1:13 tools.fs.workspace_only", Error, CodeUnknown, "workspaceOnly"},
		{`{tools:{fs:{denyPath:[]}}}`, "c:1:13 tools.fs.denyPath", Error, CodeUnknown, "denyPaths"},
		{`{tools:{egress:{host:[]}}}`, "c:1:17 tools.egress.host", Error, CodeUnknown, "hosts"},
		{`{tools:{agents:{a:{exec:{asc:"off"}}}}}`, "c:1:26 tools.agents.a.exec.asc", Error, CodeUnknown, "ask"},
		{`{agents:{list:[{id:"a",tools:{dny:[]}}]}}`, "c:1:31 agents.list[0].tools.dny", Error, CodeUnknown, "deny"},
		{`{agents:{list:[{id:"a",tool:{}}]}}`, "c:1:24 agents.list[0].tool", Error, CodeUnknown, "tools"},
		{`{agents:{entries:{a:{tools:{dny:[]}}}}}`, "c:1:29 agents.entries.a.tools.dny", Error, CodeUnknown, "deny"},
		{`{agents:{defaults:{sandbox:{mod:"all"}}}}`, "c:1:29 agents.defaults.sandbox.mod", Error, CodeUnknown, "mode"},
		{`{agents:{defaults:{sandbx:{}}}}`, "c:1:20 agents.defaults.sandbx", Error, CodeUnknown, "sandbox"},
		{`{channels:{telegram:{dmPolcy:"open"}}}`, "c:1:22 channels.telegram.dmPolcy", Error, CodeUnknown, "dmPolicy"},
		{`{channels:{telegram:{groups:{"*":{requireMenton:false}}}}}`, `c:1:35 channels.telegram.groups.*.requireMenton`, Error, CodeUnknown, "requireMention"},
		{`{channels:{telegramm:{}}}`, "c:1:12 channels.telegramm", Error, CodeUnknown, "telegram"},
		{`{channels:{carrierpigeon:{}}}`, "c:1:12 channels.carrierpigeon", Warning, CodeUnknown, ""},
		{`{channels:{signal:{}}}`, "c:1:12 channels.signal", Warning, CodeNotBuilt, ""},
		{`{skills:{policie:"open"}}`, "c:1:10 skills.policie", Error, CodeUnknown, "policy"},
		{`{tool:{}}`, "c:1:2 tool", Error, CodeUnknown, "tools"},
		{`{gatway:{}}`, "c:1:2 gatway", Error, CodeUnknown, "gateway"},
		{`{Tools:{}}`, "c:1:2 Tools", Error, CodeUnknown, "tools"},
		// elsewhere
		{`{messages:{prefix:1}}`, "c:1:12 messages.prefix", Warning, CodeUnknown, ""},
		{`{messages:{queu:{}}}`, "c:1:12 messages.queu", Warning, CodeUnknown, "queue"},
		{`{whatever:{}}`, "c:1:2 whatever", Warning, CodeUnknown, ""},
		{`{wizard:{lastRunAt:"x"}}`, "c:1:2 wizard", Warning, CodeNotBuilt, ""},
		{`{plugins:{allow:["x"]}}`, "c:1:2 plugins", Warning, CodeNotBuilt, ""},
		{`{gateway:{push:{}}}`, "c:1:11 gateway.push", Warning, CodeNotBuilt, ""},
		// values
		{`{gateway:{bind:"lann"}}`, "c:1:16 gateway.bind", Error, CodeValue, "lan"},
		{`{gateway:{bind:"0.0.0.0"}}`, "c:1:16 gateway.bind", Warning, CodeAlias, ""},
		{`{gateway:{bind:"10.1.2.3"}}`, "c:1:16 gateway.bind", Error, CodeValue, ""},
		{`{gateway:{port:0}}`, "c:1:16 gateway.port", Error, CodeValue, ""},
		{`{gateway:{port:65536}}`, "c:1:16 gateway.port", Error, CodeValue, ""},
		{`{gateway:{port:1.5}}`, "c:1:16 gateway.port", Error, CodeValue, ""},
		{`{gateway:{port:"8765"}}`, "c:1:16 gateway.port", Error, CodeType, ""},
		{`{gateway:{port:NaN}}`, "c:1:16 gateway.port", Error, CodeValue, ""},
		{`{gateway:null}`, "c:1:10 gateway", Error, CodeType, ""},
		{`{gateway:[]}`, "c:1:10 gateway", Error, CodeType, ""},
		{`{tools:{deny:"exec"}}`, "c:1:14 tools.deny", Error, CodeType, ""},
		{`{tools:{deny:["exec",1]}}`, "c:1:22 tools.deny[1]", Error, CodeType, ""},
		{`{tools:{deny:[" "]}}`, "c:1:15 tools.deny[0]", Error, CodeValue, ""},
		{`{tools:{exec:{ask:"never"}}}`, "c:1:19 tools.exec.ask", Error, CodeValue, ""},
		{`{tools:{exec:{security:"allow-list"}}}`, "c:1:24 tools.exec.security", Error, CodeValue, "allowlist"},
		{`{tools:{fs:{workspaceOnly:"true"}}}`, "c:1:27 tools.fs.workspaceOnly", Error, CodeType, ""},
		{`{tools:{profile:"standart"}}`, "c:1:17 tools.profile", Error, CodeValue, "standard"},
		{`{logging:{file:{maxSize:"50X"}}}`, "c:1:25 logging.file.maxSize", Error, CodeValue, ""},
		{`{messages:{queue:{mode:"x"}}}`, "c:1:24 messages.queue.mode", Warning, CodeValue, ""},
		{`{gateway:{trustedProxies:["localhost"]}}`, "c:1:27 gateway.trustedProxies[0]", Error, CodeValue, ""},
		{`{gateway:{bind:"custom"}}`, "c:1:16 gateway.bind", Error, CodeConflict, ""},
		{`{gateway:{bind:"custom",customBindHost:"::1"}}`, "c:1:40 gateway.customBindHost", Error, CodeValue, ""},
		{`{security:{nightly:{at:"3am"}}}`, "c:1:24 security.nightly.at", Error, CodeValue, ""},
		{`{tools:{exec:{timeoutSec:"soon"}}}`, "c:1:26 tools.exec.timeoutSec", Error, CodeValue, ""},
		{`{tools:{exec:{timeoutSec:-1}}}`, "c:1:26 tools.exec.timeoutSec", Error, CodeValue, ""},
		{`{agents:{defaults:{workspace:"a\0b"}}}`, "c:1:30 agents.defaults.workspace", Error, CodeValue, ""},
		// one key against another
		{`{channels:{telegram:{token:"a",botToken:"b"}}}`, "c:1:32 channels.telegram.botToken", Error, CodeConflict, ""},
		{`{agents:{list:[{id:"a"},{id:"A"}]}}`, "c:1:29 agents.list[1].id", Error, CodeConflict, ""},
		{`{agents:{list:[{id:"a"}],entries:{a:{}}}}`, "c:1:35 agents.entries.a", Error, CodeConflict, ""},
		{`{agents:{list:[{id:"a",default:true},{id:"b",default:true}]}}`, "c:1:54 agents.list[1].default", Error, CodeConflict, ""},
		{`{agents:{list:[{}]}}`, "c:1:16 agents.list[0]", Error, CodeValue, ""},
		{`{agents:{list:[{id:"../x"}]}}`, "c:1:20 agents.list[0].id", Error, CodeValue, ""},
		{`{agents:{list:[{id:"work"}]},tools:{agents:{wrok:{}}}}`, "c:1:45 tools.agents.wrok", Error, CodeUnreachable, "work"},
		{`{agents:{list:[{id:"work"}]},tools:{agents:{coding:{}}}}`, "c:1:45 tools.agents.coding", Warning, CodeUnreachable, ""},
		{`{bindings:[{agentId:"ghost"}]}`, "c:1:21 bindings[0].agentId", Error, CodeUnreachable, ""},
		{`{tools:{agents:{"../x":{}}}}`, `c:1:17 tools.agents["../x"]`, Error, CodeValue, ""},
		// references
		{`{gateway:{auth:{token:{source:"file",id:"x"}}}}`, "c:1:23 gateway.auth.token", Error, CodeValue, ""},
		{`{gateway:{auth:{token:{source:"fil",id:"/x"}}}}`, "c:1:23 gateway.auth.token", Error, CodeValue, "file"},
		{`{gateway:{auth:{token:{sorce:"file",id:"/x"}}}}`, "c:1:23 gateway.auth.token", Error, CodeUnknown, "source"},
		{`{gateway:{auth:{token:{source:"exec",provider:"v",id:"a/../b"}}}}`, "c:1:23 gateway.auth.token", Error, CodeValue, ""},
		{`{gateway:{auth:{token:{$env:"a b"}}}}`, "c:1:23 gateway.auth.token", Error, CodeValue, ""},
		{`{gateway:{auth:{token:12345678901234567890}}}`, "c:1:23 gateway.auth.token", Error, CodeType, ""},
		{`{gateway:{auth:{token:"a\nb"}}}`, "c:1:23 gateway.auth.token", Error, CodeValue, ""},
		{`{gateway:{bind:"${UNSET}"}}`, "c:1:16 gateway.bind", Error, CodeUnresolved, ""},
		{`{gateway:{bind:{$env:"EMPTY"}}}`, "c:1:16 gateway.bind", Error, CodeUnresolved, ""},
		{`{messages:{responsePrefix:"${UNSET}"}}`, "c:1:27 messages.responsePrefix", Warning, CodeUnresolved, ""},
		// syntax
		{`{gateway:{bind:"lan"`, "c:1:21", Error, CodeSyntax, ""},
		{`{tools:{deny:[]},tools:{}}`, "c:1:18", Error, CodeDuplicate, ""},
		{`[]`, "c:1:1", Error, CodeType, ""},
		{``, "c:1:1", Error, CodeSyntax, ""},
	} {
		_, ps := parse(t, c.src)
		i := slices.IndexFunc(ps, func(p Problem) bool { return p.Where.String() == c.where && p.Code == c.code })
		if i < 0 {
			t.Errorf("%s\n  problems: %v\n  want %s %s", c.src, ps, c.where, c.code)
			continue
		}
		if p := ps[i]; p.Severity != c.severity || p.Nearest != c.nearest {
			t.Errorf("%s: %s %q, nearest %q; want %s, nearest %q", c.src, p.Severity, p, p.Nearest, c.severity, c.nearest)
		}
	}
}

func TestValues(t *testing.T) {
	c, ps := parse(t, `{
  gateway: { port: "${PORT}", bind: { $env: "BIND" }, controlUi: { enabled: { $env: "YES" } } },
  tools: { exec: { timeoutSec: "2h", }, bash: { timeoutSec: "2h", }, },
  agents: { defaults: { heartbeat: { every: "1d" } } },
  channels: { telegram: { streaming: true, allowFrom: [123456789012345678901, -5, "x"] } },
  messages: { responsePrefix: "[${NAME}] $${NAME} ${lower} $", inbound: { debounceMs: 1500 } },
  session: { maintenance: { rotateBytes: "10mb", maxDiskBytes: 5e6 } },
  env: { OWN: "v", vars: { DEEP: "w" } },
}`)
	if ps.HasErrors() {
		t.Fatal(ps)
	}
	for what, ok := range map[string]bool{
		"port from the environment":   c.Gateway.Port.V == 9001 && c.Gateway.Port.Set,
		"bind from the environment":   c.Gateway.Bind.V == BindLAN,
		"bool from the environment":   c.Gateway.ControlUI.Enabled.V,
		"duration":                    time.Duration(c.Tools.Exec.Timeout.V) == 2*time.Hour,
		"day":                         time.Duration(c.Agents.Defaults.Heartbeat.Every.V) == 24*time.Hour,
		"bool as text":                c.Channels.Telegram.Streaming.Mode.V == "true",
		"ids keep digits":             slices.Equal(Strings(c.Channels.Telegram.AllowFrom), []string{"123456789012345678901", "-5", "x"}),
		"text":                        c.Messages.ResponsePrefix.V == "[bob] ${NAME} ${lower} $",
		"number in the key's unit":    time.Duration(c.Messages.Inbound.Debounce.V) == 1500*time.Millisecond,
		"size":                        c.Session.Maintenance.RotateBytes.V == 10<<20,
		"size as a number":            c.Session.Maintenance.MaxDiskBytes.V == 5_000_000,
		"absent values have a place":  c.Gateway.Auth.Token.Ref.Pointer == "gateway.auth.token" && !c.Gateway.Auth.Token.Set,
		"absent values have no file":  c.Gateway.Auth.Token.Ref.File == "",
		"deep absent values as well":  c.Tools.Web.Fetch.MaxChars.Ref.Pointer == "tools.web.fetch.maxChars",
		"blocks know that they exist": c.Gateway.Origin.Set && !c.Hooks.Origin.Set,
	} {
		if !ok {
			t.Error(what)
		}
	}
}

// What stands under a broken guard is broken, not absent.
func TestBrokenGuardIsInvalid(t *testing.T) {
	c, ps := parse(t, `{tools:{exec:"deny", fs:null, deny:7}, gateway:{auth:false}}`)
	if !ps.HasErrors() {
		t.Fatal("accepted")
	}
	for what, o := range map[string]Origin{"exec": c.Tools.Exec.Origin, "exec.security": c.Tools.Exec.Security.Origin,
		"fs.workspaceOnly": c.Tools.FS.WorkspaceOnly.Origin, "deny": c.Tools.Deny.Origin, "auth.mode": c.Gateway.Auth.Mode.Origin, "auth.token": c.Gateway.Auth.Token.Origin} {
		if !o.Invalid || o.Set {
			t.Errorf("%s = %+v, want invalid", what, o)
		}
	}
	c, _ = parse(t, `[1]`)
	if !c.Tools.Exec.Security.Invalid || !c.Gateway.Bind.Invalid {
		t.Error("a file that is no object leaves guards absent")
	}
}

func TestSecrets(t *testing.T) {
	for src, want := range map[string]struct {
		kind SecretKind
		text string
	}{
		`"plain-credential"`:  {SecretLiteral, "[redacted]"},
		`"${TOKEN}"`:          {SecretEnv, "env:TOKEN"},
		`"env:TOKEN"`:         {SecretEnv, "env:TOKEN"},
		`{ $env: "token_x" }`: {SecretEnv, "env:token_x"},
		`{ source: "env", provider: "default", id: "T" }`:    {SecretEnv, "env:T"},
		`{ source: "file", id: "/gateway/token" }`:           {SecretFile, "file:default:/gateway/token"},
		`{ source: "file", provider: "one", id: "value" }`:   {SecretFile, "file:one:value"},
		`{ source: "exec", provider: "vault", id: "a/b#c" }`: {SecretExec, "exec:vault:a/b#c"},
		`{ source: "store", id: "X_1" }`:                     {SecretStore, "store:default:X_1"},
		`"Bearer ${TOKEN}"`:                                  {SecretTemplate, "[redacted]"},
		`"$${TOKEN}"`:                                        {SecretLiteral, "[redacted]"},
	} {
		c, ps := parse(t, `{gateway:{auth:{token:`+src+`}}}`)
		v := c.Gateway.Auth.Token
		if len(ps) > 0 || !v.Set || v.V.Kind != want.kind || v.V.String() != want.text {
			t.Errorf("%s = %v %v, %v; want %v %s", src, v.V.Kind, v.V, ps, want.kind, want.text)
		}
	}
	c, _ := parse(t, `{gateway:{auth:{token:"$${TOKEN}"}}}`)
	got := ""
	c.Gateway.Auth.Token.V.Use(func(b []byte) { got = string(b) })
	if got != "${TOKEN}" {
		t.Errorf("escaped text is %q", got)
	}
	c, ps := Parse(Input{Root: json5.Parse("c", []byte(`{gateway:{auth:{token:{source:"exec",provider:"v",id:"x"},password:{source:"env",id:"P"}}}}`)).Root, Foreign: true})
	if v := c.Gateway.Auth.Token.V; !v.Disabled || len(ps) != 1 || ps[0].Code != CodeNoRefs {
		t.Errorf("an exec reference of a foreign home: %+v, %v", v, ps)
	}
	if c.Gateway.Auth.Password.V.Disabled {
		t.Error("an env reference of a foreign home is disabled")
	}
}

// No way of printing a configuration shows a credential.
func TestNothingPrintsSecrets(t *testing.T) {
	src := `{
  gateway: { auth: { token: "hunter2-aaaa", password: { secret: "hunter2-bbbb" } }, remote: { url: "wss://u:hunter2-cc@h/" } },
  channels: { telegram: { botToken: "123456:hunter2-dddddddddddddddddd", accounts: { a: { token: ["hunter2-ee"] } } } },
  models: { providers: { x: { headers: { "X-Any": "hunter2-ff" }, apiKey: "pre-hunter2-${KEY}" } } },
  env: { PLAIN: "hunter2-gg", vars: { ALSO: "hunter2-hh" } },
  plugins: { entries: { p: { apiKey: "hunter2-ii", config: { client_secret: "hunter2-jj", list: ["Bearer hunter2-kkkk"] } } } },
  whatever: { password: "hunter2-ll" },
  mcp: { servers: { m: { env: { GITHUB_TOKEN: "hunter2-mm" }, url: "https://hunter2:hunter2-nn@x/" } } },
  tools: { web: { search: { brave: { apiKey: "hunter2-oo" } } } },
}`
	c, ps := parse(t, src)
	root, err := c.Get("")
	if err != nil {
		t.Fatal(err)
	}
	// Addresses are plain text to the types; only Get looks into them.
	outs := map[string]string{"Get": root.JSON(), "problems": ps.Error(), "%+v": strings.NewReplacer("u:hunter2-cc", "", "hunter2:hunter2-nn", "").Replace(fmt.Sprintf("%+v", *c)), "%#v of the token": fmt.Sprintf("%#v", c.Gateway.Auth.Token)}
	for _, path := range []string{"gateway.auth.token", "gateway.auth.password", "gateway.auth.password.secret", "env.PLAIN", "channels.telegram.accounts.a.token[0]", "whatever.password", `models.providers.x.headers["X-Any"]`, "plugins.entries.p.config"} {
		n, err := c.Get(path)
		if err != nil {
			t.Errorf("Get(%q): %v", path, err)
			continue
		}
		outs["Get "+path] = n.JSON()
	}
	for name, out := range outs {
		if i := strings.Index(out, "hunter2"); i >= 0 {
			t.Errorf("%s shows %q", name, out[max(0, i-40):min(len(out), i+20)])
		}
	}
	if _, err := c.Get("gateway.prot"); err == nil || !strings.Contains(err.Error(), `"gateway.port"`) {
		t.Errorf("Get of a typo: %v", err)
	}
	c, _ = parse(t, `{gateway:{auth:{token:{$env:"T"}},port:1},hooks:{token:"${H}"},agents:{defaults:{contextTokens:5,bootstrapMaxChars:9}},session:{mainKey:"main"},commands:{ownerAllowFrom:["telegram:1"]}}`)
	root, _ = c.Get("")
	if out := root.JSON(); strings.Contains(out, "redacted") {
		t.Errorf("references and plain values are hidden: %s", out)
	}
}

func TestAgentsAll(t *testing.T) {
	c, ps := parse(t, `{ agents: {
    defaults: { workspace: "/w", model: { primary: "a/b", fallbacks: ["c/d"] }, sandbox: { mode: "all", docker: { network: "none" } } },
    list: [ { id: "x", model: "e/f", sandbox: { docker: { network: "bridge" } } }, { id: "y", default: true, skills: [] } ],
    entries: { z: { workspace: "/z" } } },
  tools: { agents: { x: {}, other: {} } } }`)
	if ps.HasErrors() {
		t.Fatal(ps)
	}
	all := c.Agents.All()
	var ids []string
	for _, a := range all {
		ids = append(ids, a.ID.V)
	}
	if !slices.Equal(ids, []string{"y", "x", "z", "other"}) {
		t.Fatalf("agents %v", ids)
	}
	x := all[1]
	if x.Model.Primary.V != "e/f" || len(x.Model.Fallbacks.V) != 1 || x.Sandbox.Mode.V != "all" || x.Sandbox.Docker.Network.V != "bridge" || x.Workspace.V != "/w" {
		t.Errorf("x = %+v", x)
	}
	if all[2].Workspace.V != "/z" || all[0].Skills.Set != true {
		t.Errorf("own values are lost")
	}
	if c.Agents.List[0].Workspace.Set {
		t.Error("All changed the configuration")
	}
	if got := (&Config{}).Agents.All(); len(got) != 1 || got[0].ID.V != "main" {
		t.Errorf("without agents: %v", got)
	}
}

func TestHomeText(t *testing.T) {
	text, err := HomeText(Home{State: "~/.openclaw-work", Port: 19001, Token: SecretRef{Kind: SecretStore, ID: "GATEWAY_TOKEN"}})
	if err != nil {
		t.Fatal(err)
	}
	c, ps := ParseBytes("openclaw.json", []byte(text), nil)
	if len(ps) > 0 {
		t.Errorf("problems in a generated home: %v", ps)
	}
	for what, ok := range map[string]bool{
		"port":         c.Gateway.Port.V == 19001,
		"token":        c.Gateway.Auth.Token.V.String() == "store:default:GATEWAY_TOKEN",
		"credentials":  slices.Contains(Strings(c.Tools.FS.DenyPaths), "~/.openclaw-work/credentials"),
		"log":          c.Logging.File.Path.V == "~/.openclaw-work/logs/gateway.log",
		"audit log":    c.Logging.Audit.Path.V == "~/.openclaw-work/logs/audit.log",
		"main":         c.Agents.List[0].ID.V == "main" && c.Agents.List[0].Default.V && len(c.Agents.List[0].Tools.Deny.V) == 5,
		"workbench":    slices.Equal(Strings(c.Agents.List[1].Surfaces), []string{"cli", "webchat"}),
		"no http":      c.Gateway.HTTP.Enabled.Set && !c.Gateway.HTTP.Enabled.V,
		"exec":         c.Tools.Exec.Security.V == ExecDeny && c.Tools.Exec.Ask.V == AskAlways,
		"own exec":     c.Tools.Agents.Get("workbench").Exec.Ask.V == AskOnMiss,
		"empty skills": c.Skills.Allowlist.Set && len(c.Skills.Allowlist.V) == 0,
	} {
		if !ok {
			t.Error(what)
		}
	}
	for _, h := range []Home{{Port: -1}, {Port: 70000}, {Token: Literal("x")}, {Token: SecretRef{Kind: SecretFile, ID: "nope"}}} {
		if text, err := HomeText(h); err == nil {
			t.Errorf("HomeText(%+v) = %s", h, text)
		}
	}
	d := Default()
	if d.Gateway.Port.V != DefaultPort || d.Gateway.Port.Ref.String() != "gateway.port (default)" {
		t.Errorf("default port: %+v", d.Gateway.Port)
	}
}

// Every key is in one block once, every enum default is one of its values, and
// no tag has a word that nobody reads.
func TestTable(t *testing.T) {
	ts := tables{}
	var walk func(reflect.Type, string)
	seen := map[reflect.Type]bool{}
	walk = func(typ reflect.Type, path string) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		b := ts.of(typ)
		if len(b.fields) == 0 {
			t.Errorf("%s has no keys", typ)
		}
		names := map[string]bool{}
		for i := range b.fields {
			f := &b.fields[i]
			for _, n := range f.names {
				if names[n] || b.foreign(n) {
					t.Errorf("%s: key %q twice", typ, n)
				}
				names[n] = true
			}
			if f.tag.Get("doc") == "" {
				t.Errorf("%s: %s has no doc", typ, f.names[0])
			}
			for _, word := range strings.Split(f.tag.Get("opt"), ",") {
				if !slices.Contains([]string{"", "guard", "tool", "ids", "slug", "bool", "unbuilt"}, word) {
					t.Errorf("%s: %s: unknown option %q", typ, f.names[0], word)
				}
			}
			values, also := f.enum()
			for _, now := range also {
				if !slices.Contains(values, now) {
					t.Errorf("%s: %s: alias for %q, which is no value", typ, f.names[0], now)
				}
			}
			if d := f.tag.Get("def"); d != "" && f.shape == shapeValue {
				src := d
				if f.typ.Field(1).Type.Kind() == reflect.String || strings.ContainsAny(d, "M~") {
					src = json5.Quote(d)
				}
				r := &reader{tables: ts, secrets: map[*json5.Node]bool{}}
				v := reflect.New(f.typ).Elem()
				r.field(v, json5.Parse("", []byte(src)).Root, place{opts: f.opts}, f)
				if len(r.ps) > 0 {
					t.Errorf("%s: default of %s: %v", typ, f.names[0], r.ps)
				}
			}
			elem := f.typ
			switch f.shape {
			case shapeBlocks:
				elem = f.typ.Elem()
			case shapeMap:
				elem = f.typ.Elem().Field(2).Type
			case shapeBlock, shapeValue, shapeList, shapeRaw:
			}
			if shapeOf(elem) == shapeBlock {
				walk(elem, path+"."+f.names[0])
			}
		}
		if b.short != "" {
			if _, ok := b.find(b.short); !ok {
				t.Errorf("%s: short names no key: %q", typ, b.short)
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
	if len(seen) < 80 {
		t.Errorf("only %d blocks were seen", len(seen))
	}
}

func TestNearest(t *testing.T) {
	names := []string{"allow", "alsoAllow", "deny", "security", "workspaceOnly", "fs", "exec"}
	for given, want := range map[string]string{"alow": "allow", "dney": "deny", "securty": "security", "workspace-only": "workspaceOnly", "WORKSPACEONLY": "workspaceOnly", "fs2": "fs", "x": "", "completelyDifferent": "", "exce": "exec", "": "", strings.Repeat("a", 1000): ""} {
		if got := Nearest(given, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", given, got, want)
		}
	}
}
