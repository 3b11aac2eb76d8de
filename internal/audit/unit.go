package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Unit is a systemd service that starts a gateway, with its drop-ins.
type Unit struct {
	Name string `json:"name"`
	Path string `json:"path"`
	// User: it belongs to a user's manager, not the system's.
	User bool `json:"user,omitempty"`
	// Settings are keys of [Service] that are judged, as they take effect.
	Settings map[string]UnitSetting `json:"settings,omitempty"`
	// Secrets are variables and options with a credential written out.
	Secrets []UnitSetting `json:"secrets,omitempty"`
	// Credentials are names that systemd hands over (LoadCredential).
	Credentials []string `json:"credentials,omitempty"`
	// Err says why it could not be read.
	Err string `json:"err,omitempty"`
}

// UnitSetting is a value with the place that sets it.
type UnitSetting struct {
	Value string `json:"value"`
	File  string `json:"file"`
	Line  int    `json:"line"`
}

// UnitKeys are the keys of [Service] whose values the survey keeps.
func UnitKeys() []string {
	return []string{"Type", "User", "DynamicUser", "NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp", "Restart", "AmbientCapabilities"}
}

// on reads a boolean as systemd does.
func (u Unit) on(key string) bool {
	return slices.Contains([]string{"1", "yes", "y", "true", "t", "on"}, strings.ToLower(u.Settings[key].Value))
}

// serviced judges every unit. Places are those of the key, else of the unit.
func serviced(id string, severity claw.Severity, why, fix string, key string, judge func(*Subject, Unit) *Finding) Check {
	return Check{ID: "systemd." + id, Area: AreaSandbox, Severity: severity, Why: why, Fix: fix, Source: "systemd.exec(5)", Run: func(s *Subject) Outcome {
		var found []Finding
		n, broken := 0, ""
		for _, u := range s.Snapshot.Units {
			if u.Err != "" {
				broken = s.Snapshot.Home.Short(u.Path) + ": " + u.Err
				continue
			}
			n++
			f := judge(s, u)
			if f == nil {
				continue
			}
			if f.Where.File == "" {
				f.Where = Where{File: s.Snapshot.Home.Short(u.Path)}
				if v, ok := u.Settings[key]; ok {
					f.Where = Where{File: s.Snapshot.Home.Short(v.File), Line: v.Line}
				}
			}
			f.Evidence = append(f.Evidence, u.Name)
			found = append(found, *f)
		}
		return ofServices(found, broken, n, "no service of systemd starts a gateway")
	}}
}

func unitChecks() []Check {
	// What is about the whole machine protects nothing more in a user's
	// manager, whose services cannot write there to begin with.
	system := func(judge func(*Subject, Unit) *Finding) func(*Subject, Unit) *Finding {
		return func(s *Subject, u Unit) *Finding {
			if u.User {
				return nil
			}
			return judge(s, u)
		}
	}
	return []Check{
		serviced("root_user", claw.Critical, "A fault in the gateway is then a fault of root.", "Set User= to an unprivileged user, or use openclaw gateway install --user", "User", system(func(s *Subject, u Unit) *Finding {
			v := u.Settings["User"].Value
			if v != "" && v != "root" && v != "0" || u.on("DynamicUser") {
				return nil
			}
			severity := claw.Warn // commands get another uid here
			if s.Snapshot.Home.Owner == UpstreamHome {
				severity = claw.Critical
			}
			return &Finding{Severity: severity, Title: u.Name + " runs as root", Observed: v, Expected: "an unprivileged user"}
		})),
		serviced("new_privileges", claw.Warn, "A setuid program that an agent finds gives it its owner's rights.", "NoNewPrivileges=yes", "NoNewPrivileges", func(_ *Subject, u Unit) *Finding {
			if u.on("NoNewPrivileges") {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: u.Name + " may gain privileges", Observed: u.Settings["NoNewPrivileges"].Value, Expected: "yes"}
		}),
		serviced("system_writable", claw.Warn, "The service can change programs and settings of the system.", "ProtectSystem=strict, with ReadWritePaths= for the state directory", "ProtectSystem", system(func(_ *Subject, u Unit) *Finding {
			if v := strings.ToLower(u.Settings["ProtectSystem"].Value); v == "full" || v == "strict" {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: u.Name + " can write the system", Observed: u.Settings["ProtectSystem"].Value, Expected: "strict"}
		})),
		serviced("home_open", claw.Info, "The service sees the files of every user.", "ProtectHome=tmpfs, with BindPaths= for what it needs", "ProtectHome", system(func(s *Subject, u Unit) *Finding {
			v := strings.ToLower(u.Settings["ProtectHome"].Value)
			if u.on("ProtectHome") || v == "tmpfs" || v == "read-only" || u.on("DynamicUser") {
				return nil
			}
			return &Finding{Severity: claw.Info, Title: u.Name + " sees every home directory", Observed: u.Settings["ProtectHome"].Value, Expected: "tmpfs"}
		})),
		serviced("shared_tmp", claw.Info, "Other users of the machine share its temporary files.", "PrivateTmp=yes", "PrivateTmp", system(func(_ *Subject, u Unit) *Finding {
			if v := strings.ToLower(u.Settings["PrivateTmp"].Value); u.on("PrivateTmp") || v == "disconnected" || u.on("DynamicUser") {
				return nil
			}
			return &Finding{Severity: claw.Info, Title: u.Name + " shares /tmp", Observed: u.Settings["PrivateTmp"].Value, Expected: "yes"}
		})),
		serviced("ambient_capabilities", claw.Warn, "The gateway needs no capability: its port is above 1023.", "Remove AmbientCapabilities=", "AmbientCapabilities", func(_ *Subject, u Unit) *Finding {
			v := u.Settings["AmbientCapabilities"].Value
			if v == "" {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: u.Name + " is given capabilities", Observed: v, Expected: "none"}
		}),
		serviced("env_secret", claw.Critical, "The file is readable by everybody, and systemctl show prints the environment to every user of the machine.", "LoadCredential=, or EnvironmentFile= with a file of mode 0600", "", func(s *Subject, u Unit) *Finding {
			if len(u.Secrets) == 0 {
				return nil
			}
			severity := claw.Critical
			if u.User { // another user's manager cannot be asked
				severity = claw.Warn
			}
			var names []string
			for _, x := range u.Secrets {
				names = append(names, x.Value)
			}
			at := u.Secrets[0]
			return &Finding{Severity: severity, Title: u.Name + " has a credential written out", Where: Where{File: s.Snapshot.Home.Short(at.File), Line: at.Line}, Observed: quoted(names)}
		}),
		serviced("no_restart", claw.Info, "After a crash nobody answers, and nothing is audited at night.", "Restart=on-failure", "Restart", func(_ *Subject, u Unit) *Finding {
			v := u.Settings["Restart"].Value
			if v != "" && v != "no" || u.Settings["Type"].Value == "oneshot" {
				return nil
			}
			return &Finding{Severity: claw.Info, Title: fmt.Sprintf("%s is not started again", u.Name), Observed: v, Expected: "on-failure"}
		}),
	}
}
