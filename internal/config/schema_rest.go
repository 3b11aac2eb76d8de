package config

// Messages is messages.
type Messages struct {
	Origin
	Queue          MessageQueue   `key:"queue" doc:"messages that arrive during a turn"`
	Inbound        MessageInbound `key:"inbound" doc:"joining quick messages"`
	GroupChat      GroupChat      `key:"groupChat" doc:"behaviour in groups"`
	ResponsePrefix Value[string]  `key:"responsePrefix" doc:"text before every answer"`
	AckReaction    Value[string]  `key:"ackReaction" doc:"reaction on receipt"`
	AckScope       Value[string]  `key:"ackReactionScope" enum:"group-mentions,group-all,direct,all,off,none" doc:"where"`
	_              struct{}       `upstream:"tts statusReactions removeAckAfterReply suppressToolErrors messagePrefix usageTemplate responseUsage"`
}

// MessageQueue is messages.queue.
type MessageQueue struct {
	Origin
	Mode Value[string] `key:"mode" enum:"collect,steer,followup,interrupt,queue,steer-backlog,steer+backlog" def:"collect" doc:"what becomes of them"`
	Cap  Value[int]    `key:"cap" min:"1" doc:"most that wait"`
	Drop Value[string] `key:"drop" enum:"old,new,summarize" doc:"which are dropped"`
	_    struct{}      `upstream:"debounceMs debounceMsByChannel byChannel"`
}

// MessageInbound is messages.inbound.
type MessageInbound struct {
	Origin
	Debounce Value[Duration] `key:"debounceMs" unit:"ms" def:"2000" doc:"pause that ends a message"`
	_        struct{}        `upstream:"byChannel"`
}

// Session is session.
type Session struct {
	Origin
	Scope          Value[string]     `key:"scope" enum:"per-sender,global" def:"per-sender" doc:"one session per sender or one for all"`
	DMScope        Value[string]     `key:"dmScope" enum:"per-channel-peer,main,per-peer,per-account-channel-peer" doc:"which direct messages share a session"`
	GroupScope     Value[string]     `key:"groupScope" enum:"per-group,main" def:"per-group" doc:"which groups share a session"`
	MainKey        Value[string]     `key:"mainKey" doc:"name of the main session"`
	IdentityLinks  Map[List]         `key:"identityLinks" opt:"ids" doc:"one person's ids on several channels"`
	Reset          SessionReset      `key:"reset" doc:"when a session starts anew"`
	ResetByType    Map[SessionReset] `key:"resetByType" doc:"per direct, group, thread"`
	ResetByChannel Map[SessionReset] `key:"resetByChannel" doc:"per channel"`
	ResetTriggers  List              `key:"resetTriggers" doc:"texts that start anew"`
	IdleMinutes    Value[Duration]   `key:"idleMinutes" unit:"m" doc:"older form of reset.idleMinutes"`
	Store          Value[string]     `key:"store" doc:"where the index lies"`
	AgentToAgent   PingPong          `key:"agentToAgent" doc:"agents talking to agents"`
	SendPolicy     SendPolicy        `key:"sendPolicy" doc:"where answers may go"`
	Maintenance    Maintenance       `key:"maintenance" doc:"cleaning up"`
	_              struct{}          `upstream:"threadBindings parentForkMaxTokens typingMode typingIntervalSeconds writeLock"`
}

// SessionReset is session.reset.
type SessionReset struct {
	Origin
	Mode        Value[string]   `key:"mode" enum:"daily,idle,none" doc:"when"`
	AtHour      Value[int]      `key:"atHour" min:"0" max:"23" def:"4" doc:"hour of the day"`
	IdleMinutes Value[Duration] `key:"idleMinutes" unit:"m" doc:"pause"`
}

// PingPong is session.agentToAgent.
type PingPong struct {
	Origin
	MaxTurns Value[int] `key:"maxPingPongTurns" min:"0" def:"5" doc:"turns until it stops"`
}

// SendPolicy is session.sendPolicy.
type SendPolicy struct {
	Origin
	Default Value[string] `key:"default" enum:"allow,deny" def:"allow" doc:"when no rule matches"`
	Rules   []SendRule    `key:"rules" doc:"first match wins"`
}

// SendRule is session.sendPolicy.rules[].
type SendRule struct {
	Origin
	Action Value[string] `key:"action" enum:"allow,deny" doc:"what happens"`
	Match  SendMatch     `key:"match" doc:"all given fields must hold"`
}

// SendMatch is session.sendPolicy.rules[].match.
type SendMatch struct {
	Origin
	Channel   Value[string] `key:"channel" doc:"channel"`
	ChatType  Value[string] `key:"chatType" enum:"direct,group,channel,room" also:"dm=direct" doc:"kind of conversation"`
	KeyPrefix Value[string] `key:"keyPrefix" doc:"start of the session key"`
	_         struct{}      `upstream:"rawKeyPrefix"`
}

// Maintenance is session.maintenance.
type Maintenance struct {
	Origin
	Mode         Value[string]   `key:"mode" enum:"warn,enforce" doc:"tell or do"`
	PruneAfter   Value[Duration] `key:"pruneAfter" unit:"d" doc:"age"`
	MaxEntries   Value[int]      `key:"maxEntries" min:"1" doc:"count"`
	RotateBytes  Value[Size]     `key:"rotateBytes" doc:"size of the index"`
	MaxDiskBytes Value[Size]     `key:"maxDiskBytes" doc:"size of everything"`
	_            struct{}        `upstream:"highWaterBytes pruneDays resetArchiveRetention"`
}

// Secrets is secrets.
type Secrets struct {
	Origin
	Providers Map[SecretProvider] `key:"providers" doc:"named sources"`
	Defaults  SecretDefaults      `key:"defaults" doc:"provider per source when none is named"`
	Bindings  Map[SecretBinding]  `key:"bindings" doc:"where a secret may be put in, and nowhere else"`
	_         struct{}            `upstream:"resolution"`
}

// SecretProvider is secrets.providers.<name>.
type SecretProvider struct {
	Origin
	Source       Value[string]         `key:"source" enum:"env,file,exec,store" doc:"kind"`
	Path         Value[string]         `key:"path" doc:"file"`
	Mode         Value[string]         `key:"mode" enum:"json,singleValue" def:"json" doc:"how the file is read"`
	Timeout      Value[Duration]       `key:"timeoutMs" unit:"ms" def:"5000" doc:"longest wait"`
	MaxBytes     Value[Size]           `key:"maxBytes" def:"1048576" doc:"largest file"`
	Allowlist    List                  `key:"allowlist" doc:"variables that may be read"`
	Command      Value[string]         `key:"command" doc:"absolute path of a program"`
	Args         List                  `key:"args" doc:"its arguments"`
	PassEnv      List                  `key:"passEnv" doc:"variables passed on"`
	Env          Map[Value[SecretRef]] `key:"env" doc:"variables set"`
	TrustedDirs  List                  `key:"trustedDirs" doc:"where the program may lie"`
	AllowSymlink Value[bool]           `key:"allowSymlinkCommand" def:"false" doc:"it may be a link"`
	InsecurePath Value[bool]           `key:"allowInsecurePath" def:"false" doc:"owner and mode are not checked; has no effect here"`
	JSONOnly     Value[bool]           `key:"jsonOnly" def:"true" doc:"other output is an error"`
	NoOutput     Value[Duration]       `key:"noOutputTimeoutMs" unit:"ms" doc:"longest silence"`
	MaxOutput    Value[Size]           `key:"maxOutputBytes" doc:"largest output"`
	_            struct{}              `upstream:"plugin id"`
}

// SecretDefaults is secrets.defaults.
type SecretDefaults struct {
	Origin
	Env   Value[string] `key:"env" doc:"provider of env references"`
	File  Value[string] `key:"file" doc:"provider of file references"`
	Exec  Value[string] `key:"exec" doc:"provider of exec references"`
	Store Value[string] `key:"store" doc:"provider of store references"`
}

// SecretBinding is secrets.bindings.<name>.
type SecretBinding struct {
	Origin
	Secret  Value[SecretRef] `key:"secret" doc:"the value"`
	Host    Value[string]    `key:"host" doc:"host"`
	Methods List             `key:"methods" doc:"methods"`
	Path    Value[string]    `key:"path" doc:"path prefix"`
	Header  Value[string]    `key:"header" doc:"header it is put in"`
	Agents  List             `key:"agents" doc:"agents whose programs may use it; unset: all"`
}

// Commands is commands.
type Commands struct {
	Origin
	Native       Value[string]    `key:"native" opt:"bool" enum:"auto,true,false" doc:"register native commands"`
	NativeSkills Value[string]    `key:"nativeSkills" opt:"bool" enum:"auto,true,false" doc:"same for skills"`
	Text         Value[bool]      `key:"text" def:"true" doc:"read commands in messages"`
	Bash         Value[bool]      `key:"bash" def:"false" doc:"! commands"`
	Config       Value[bool]      `key:"config" def:"false" doc:"/config; never here"`
	MCP          Value[bool]      `key:"mcp" def:"false" doc:"/mcp; never here"`
	Plugins      Value[bool]      `key:"plugins" def:"false" doc:"/plugins; never here"`
	Debug        Value[bool]      `key:"debug" def:"false" doc:"/debug"`
	Restart      Value[bool]      `key:"restart" doc:"/restart"`
	OwnerFrom    List             `key:"ownerAllowFrom" opt:"ids" doc:"the operator's ids, channel:id"`
	OwnerDisplay Value[string]    `key:"ownerDisplay" enum:"raw,hash" doc:"how owners are shown to the model"`
	OwnerSecret  Value[SecretRef] `key:"ownerDisplaySecret" doc:"key of the hash"`
	AllowFrom    Map[List]        `key:"allowFrom" opt:"ids" doc:"who may use commands, per channel; * is all channels"`
	AccessGroups Value[bool]      `key:"useAccessGroups" def:"true" doc:"access groups count"`
	_            struct{}         `upstream:"bashForegroundMs"`
}

// Approvals is approvals.
type Approvals struct {
	Origin
	Exec   ApprovalRoute `key:"exec" doc:"approvals of commands"`
	Plugin ApprovalRoute `key:"plugin" doc:"approvals of plugins"`
}

// ApprovalRoute is approvals.exec.
type ApprovalRoute struct {
	Origin
	Enabled       Value[bool]      `key:"enabled" def:"false" doc:"send them to chat"`
	Mode          Value[string]    `key:"mode" enum:"session,targets,both" def:"session" doc:"where to"`
	AgentFilter   List             `key:"agentFilter" doc:"agents"`
	SessionFilter List             `key:"sessionFilter" doc:"sessions"`
	Targets       []ApprovalTarget `key:"targets" doc:"conversations"`
}

// ApprovalTarget is approvals.exec.targets[].
type ApprovalTarget struct {
	Origin
	Channel   Value[string] `key:"channel" doc:"channel"`
	To        Value[string] `key:"to" opt:"ids" doc:"conversation"`
	AccountID Value[string] `key:"accountId" doc:"account"`
	ThreadID  Value[string] `key:"threadId" opt:"ids" doc:"thread"`
}

// Hooks is hooks.
type Hooks struct {
	Origin
	Enabled            Value[bool]      `key:"enabled" def:"false" doc:"open /hooks"`
	Token              Value[SecretRef] `key:"token" doc:"own token, not the gateway's"`
	Path               Value[string]    `key:"path" def:"/hooks" doc:"path"`
	DefaultSessionKey  Value[string]    `key:"defaultSessionKey" doc:"session of a call that names none"`
	AllowSessionKey    Value[bool]      `key:"allowRequestSessionKey" def:"false" doc:"a call may name its session"`
	SessionKeyPrefixes List             `key:"allowedSessionKeyPrefixes" doc:"which"`
	AllowedAgentIDs    List             `key:"allowedAgentIds" doc:"agents that may be called"`
	Presets            List             `key:"presets" doc:"built-in mappings"`
	TransformsDir      Value[string]    `key:"transformsDir" doc:"upstream's code for mappings; never run"`
	MaxBodyBytes       Value[Size]      `key:"maxBodyBytes" doc:"largest request"`
	Mappings           []HookMapping    `key:"mappings" doc:"what a call becomes"`
	Internal           HooksInternal    `key:"internal" opt:"unbuilt" doc:"upstream's code hooks; never run"`
	_                  struct{}         `upstream:"gmail"`
}

// HooksInternal is hooks.internal.
type HooksInternal struct {
	Origin
	Enabled Value[bool] `key:"enabled" def:"false" doc:"load them"`
	_       struct{}    `open:"1"`
}

// HookMapping is hooks.mappings[].
type HookMapping struct {
	Origin
	ID              Value[string] `key:"id" doc:"name"`
	Match           HookMatch     `key:"match" doc:"which calls"`
	Action          Value[string] `key:"action" enum:"agent,wake" doc:"what happens"`
	AgentID         Value[string] `key:"agentId" opt:"slug" doc:"who answers"`
	WakeMode        Value[string] `key:"wakeMode" enum:"now,next-heartbeat" doc:"when"`
	Name            Value[string] `key:"name" doc:"display name"`
	SessionKey      Value[string] `key:"sessionKey" doc:"session"`
	MessageTemplate Value[string] `key:"messageTemplate" doc:"text"`
	TextTemplate    Value[string] `key:"textTemplate" doc:"text of a wake"`
	Deliver         Value[bool]   `key:"deliver" doc:"send the answer"`
	Channel         Value[string] `key:"channel" doc:"where to"`
	To              Value[string] `key:"to" opt:"ids" doc:"conversation"`
	Model           Value[string] `key:"model" doc:"model"`
	UnsafeContent   Value[bool]   `key:"allowUnsafeExternalContent" def:"false" doc:"treat the call as trusted; has no effect here"`
	_               struct{}      `upstream:"thinking timeoutSeconds transform"`
}

// HookMatch is hooks.mappings[].match.
type HookMatch struct {
	Origin
	Path   Value[string] `key:"path" doc:"path"`
	Source Value[string] `key:"source" doc:"source"`
}

// Skills is skills.
type Skills struct {
	Origin
	Policy       Value[string]      `key:"policy" enum:"allowlist,open" doc:"allowlist: only what is listed installs and loads"`
	Allowlist    List               `key:"allowlist,allow" doc:"skills that may load"`
	Versions     Map[Value[string]] `key:"versions" doc:"pinned versions"`
	AllowBundled List               `key:"allowBundled" doc:"bundled skills that may load"`
	Load         SkillsLoad         `key:"load" doc:"where they come from"`
	Install      SkillsInstall      `key:"install" doc:"what they may install"`
	Entries      Map[SkillEntry]    `key:"entries" doc:"per skill"`
	Limits       Raw                `key:"limits" doc:"prompt size"`
	_            struct{}           `upstream:"workshop"`
}

// SkillsLoad is skills.load.
type SkillsLoad struct {
	Origin
	ExtraDirs           List        `key:"extraDirs" doc:"further directories"`
	AllowSymlinkTargets List        `key:"allowSymlinkTargets" doc:"where links may lead"`
	Watch               Value[bool] `key:"watch" def:"true" doc:"notice changes"`
	_                   struct{}    `upstream:"watchDebounceMs"`
}

// SkillsInstall is skills.install.
type SkillsInstall struct {
	Origin
	AllowUploaded Value[bool]   `key:"allowUploadedArchives" def:"false" doc:"install from an upload"`
	Registry      Value[string] `key:"registry" doc:"address of the registry that install, update and search ask"`
	_             struct{}      `upstream:"preferBrew nodeManager"`
}

// SkillEntry is skills.entries.<name>.
type SkillEntry struct {
	Origin
	Enabled Value[bool]           `key:"enabled" doc:"load it"`
	APIKey  Value[SecretRef]      `key:"apiKey" doc:"its key"`
	Env     Map[Value[SecretRef]] `key:"env" doc:"its variables"`
	Config  Raw                   `key:"config" doc:"its own settings"`
}

// Security is security.
type Security struct {
	Origin
	Nightly Nightly       `key:"nightly" doc:"audit every night"`
	Witness Witness       `key:"witness" doc:"where journal positions are kept outside"`
	Audit   SecurityAudit `key:"audit" doc:"the audit"`
	_       struct{}      `upstream:"installPolicy"`
}

// Nightly is security.nightly.
type Nightly struct {
	Origin
	Enabled  Value[bool]   `key:"enabled" def:"true" doc:"run it"`
	At       Value[string] `key:"at" def:"03:00" doc:"local time"`
	Deep     Value[bool]   `key:"deep" def:"true" doc:"look at the machine too"`
	KeepDays Value[int]    `key:"keepDays" min:"1" def:"30" doc:"how long reports stay"`
	AlertOn  Value[string] `key:"alertOn" enum:"critical,warn,info,never" def:"critical" doc:"least severity of a new finding that alerts; a failed audit always does"`
}

// Witness is security.witness.
type Witness struct {
	Origin
	URL     Value[string] `key:"url" doc:"address"`
	Channel Value[string] `key:"channel" doc:"conversation"`
}

// SecurityAudit is security.audit.
type SecurityAudit struct {
	Origin
	Suppressions []Suppression `key:"suppressions" doc:"findings that are accepted; criticals cannot be"`
}

// Suppression is security.audit.suppressions[].
type Suppression struct {
	Origin
	CheckID Value[string] `key:"checkId" doc:"check"`
	Title   Value[string] `key:"titleIncludes" doc:"only findings whose title holds this"`
	Detail  Value[string] `key:"detailIncludes" doc:"only findings whose detail holds this"`
	Reason  Value[string] `key:"reason" doc:"why"`
}

// Logging is logging.
type Logging struct {
	Origin
	Level           Value[string] `key:"level" enum:"info,silent,fatal,error,warn,debug,trace" def:"info" doc:"what is logged"`
	File            LogFile       `key:"file" doc:"log file; a bare text is its path"`
	ConsoleLevel    Value[string] `key:"consoleLevel" enum:"info,silent,fatal,error,warn,debug,trace" doc:"what the console shows"`
	ConsoleStyle    Value[string] `key:"consoleStyle" enum:"pretty,compact,json" doc:"how"`
	RedactSensitive Value[string] `key:"redactSensitive" enum:"tools,off" def:"tools" doc:"off is treated as tools"`
	RedactPatterns  List          `key:"redactPatterns" doc:"further patterns"`
	MaxFileBytes    Value[Size]   `key:"maxFileBytes" doc:"upstream's form of file.maxSize"`
	Audit           LogAudit      `key:"audit" doc:"the journal"`
}

// LogFile is logging.file.
type LogFile struct {
	Origin
	Enabled  Value[bool]   `key:"enabled" def:"true" doc:"write it"`
	Path     Value[string] `key:"path" def:"~/.openclaw/logs/gateway.log" doc:"where"`
	MaxSize  Value[Size]   `key:"maxSize" def:"50M" doc:"size of one file"`
	MaxFiles Value[int]    `key:"maxFiles" min:"1" def:"10" doc:"files kept"`
	_        struct{}      `short:"path"`
}

// LogAudit is logging.audit.
type LogAudit struct {
	Origin
	Enabled           Value[bool]   `key:"enabled" def:"true" doc:"false is refused in a home of ours"`
	Path              Value[string] `key:"path" def:"~/.openclaw/logs/audit.log" doc:"where"`
	Events            List          `key:"events" doc:"added to the minimum, never less"`
	ExecutionIdentity Value[bool]   `key:"executionIdentity" def:"false" doc:"upstream's extra field"`
	Messages          Value[string] `key:"messages" enum:"off,direct,all" doc:"upstream's message records"`
}

// Env is env: the last place where ${NAME} is looked up.
type Env struct {
	Origin
	Vars     Map[Value[SecretRef]] `key:"vars" doc:"variables"`
	ShellEnv ShellEnv              `key:"shellEnv" opt:"unbuilt" doc:"upstream's login-shell import; never run"`
	_        struct{}              `open:"1"`
}

// ShellEnv is env.shellEnv.
type ShellEnv struct {
	Origin
	Enabled Value[bool] `key:"enabled" def:"false" doc:"import"`
	_       struct{}    `upstream:"timeoutMs"`
}

// Plugins is plugins.
type Plugins struct {
	Origin
	Enabled  Value[bool] `key:"enabled" doc:"load plugins"`
	Allow    List        `key:"allow" doc:"plugins allowed"`
	Deny     List        `key:"deny" doc:"plugins refused"`
	Entries  Raw         `key:"entries" doc:"per plugin"`
	Installs Raw         `key:"installs" doc:"install records"`
	_        struct{}    `upstream:"load slots bundledDiscovery" open:"1"`
}

// Browser is browser.
type Browser struct {
	Origin
	Enabled         Value[bool] `key:"enabled" doc:"offer it"`
	EvaluateEnabled Value[bool] `key:"evaluateEnabled" doc:"run scripts in pages"`
	NoSandbox       Value[bool] `key:"noSandbox" def:"false" doc:"Chromium without its sandbox"`
	SSRF            BrowserSSRF `key:"ssrfPolicy" doc:"private addresses"`
	Profiles        Raw         `key:"profiles" doc:"browser profiles"`
	_               struct{}    `open:"1"`
}

// BrowserSSRF is browser.ssrfPolicy.
type BrowserSSRF struct {
	Origin
	AllowPrivate     Value[bool] `key:"dangerouslyAllowPrivateNetwork,allowPrivateNetwork" def:"false" doc:"reach private addresses"`
	AllowedHostnames List        `key:"allowedHostnames,hostnameAllowlist" doc:"names"`
	_                struct{}    `open:"1"`
}

// MCP is mcp.
type MCP struct {
	Origin
	Servers Map[MCPServer] `key:"servers" doc:"servers"`
	_       struct{}       `open:"1"`
}

// MCPServer is mcp.servers.<name>.
type MCPServer struct {
	Origin
	Enabled   Value[bool]           `key:"enabled" doc:"use it"`
	Command   Value[string]         `key:"command" doc:"program"`
	Args      List                  `key:"args" doc:"arguments"`
	Env       Map[Value[SecretRef]] `key:"env" doc:"variables"`
	URL       Value[string]         `key:"url" doc:"address"`
	Transport Value[string]         `key:"transport" doc:"wire format"`
	Headers   Map[Value[SecretRef]] `key:"headers" doc:"headers"`
	_         struct{}              `open:"1"`
}

// Discovery is discovery.
type Discovery struct {
	Origin
	MDNS MDNS     `key:"mdns" doc:"local announcements"`
	_    struct{} `upstream:"wideArea"`
}

// MDNS is discovery.mdns.
type MDNS struct {
	Origin
	Mode Value[string] `key:"mode" enum:"off,minimal,full" def:"off" doc:"how much is announced"`
}

// Cron is cron.
type Cron struct {
	Origin
	Enabled      Value[bool]      `key:"enabled" doc:"run jobs"`
	Store        Value[string]    `key:"store" doc:"where jobs lie"`
	WebhookToken Value[SecretRef] `key:"webhookToken" doc:"token sent with webhooks"`
	_            struct{}         `upstream:"maxConcurrentRuns retry webhook webhookSsrfPolicy sessionRetention runLog failureAlert failureDestination triggers" open:"1"`
}

// Notify is notify.
type Notify struct {
	Origin
	Targets []NotifyTarget `key:"targets" doc:"where alerts go"`
}

// NotifyTarget is notify.targets[].
type NotifyTarget struct {
	Origin
	Name     Value[string]    `key:"name" doc:"what it is called; the type when absent"`
	Type     Value[string]    `key:"type" enum:"telegram,pushover,webhook,ntfy,mail" also:"smtp=mail" doc:"kind"`
	URL      Value[string]    `key:"url" doc:"address"`
	To       Value[string]    `key:"to" opt:"ids" doc:"conversation or mailbox"`
	From     Value[string]    `key:"from" doc:"sender of mail"`
	User     Value[SecretRef] `key:"user" doc:"account"`
	Token    Value[SecretRef] `key:"token" doc:"credential"`
	Severity Value[string]    `key:"severity" enum:"critical,warn,info" def:"critical" doc:"least severity"`
}

// Monitor is monitor.
type Monitor struct {
	Origin
	Enabled      Value[bool]     `key:"enabled" def:"true" doc:"watch the journal"`
	AuthFailures MonitorAuth     `key:"authFailures" doc:"failed sign-ins in an hour"`
	ModelCalls   Value[float64]  `key:"modelCalls" min:"1.1" def:"2" doc:"times the usual that model calls may reach in an hour"`
	NewSessions  Value[int]      `key:"newSessions" min:"1" def:"10" doc:"new sessions in an hour that are worth a look"`
	LearnDays    Value[int]      `key:"learnDays" min:"1" max:"60" def:"3" doc:"days with work before habits are judged"`
	Drift        Value[Duration] `key:"driftMinutes" unit:"m" def:"10" doc:"how long a file may differ from what is in force"`
	QuietHours   QuietHours      `key:"quietHours" doc:"when only critical alerts are sent"`
}

// MonitorAuth is monitor.authFailures.
type MonitorAuth struct {
	Origin
	Normal      Value[int] `key:"normal" min:"0" def:"5" doc:"up to so many are normal"`
	Investigate Value[int] `key:"investigate" min:"1" def:"10" doc:"above so many there is an alert"`
}

// QuietHours is monitor.quietHours.
type QuietHours struct {
	Origin
	From Value[string] `key:"from" doc:"local time, for example 22:00"`
	To   Value[string] `key:"to" doc:"local time, for example 07:00"`
}

// Diagnostics is diagnostics.
type Diagnostics struct {
	Origin
	Enabled Value[bool] `key:"enabled" def:"true" doc:"export what is configured below"`
	OTel    OTel        `key:"otel" doc:"OpenTelemetry export"`
	_       struct{}    `upstream:"flags cacheTrace"`
}

// OTel is diagnostics.otel. Metrics alone are exported.
type OTel struct {
	Origin
	Enabled  Value[bool]           `key:"enabled" def:"false" doc:"export"`
	Endpoint Value[string]         `key:"endpoint" doc:"collector; /v1/metrics is added"`
	MetricsE Value[string]         `key:"metricsEndpoint" doc:"whole address for metrics"`
	Protocol Value[string]         `key:"protocol" enum:"http/json,http/protobuf" def:"http/json" doc:"both are sent as JSON"`
	Headers  Map[Value[SecretRef]] `key:"headers" doc:"headers of each request"`
	Service  Value[string]         `key:"serviceName" def:"openclaw" doc:"service.name"`
	Metrics  Value[bool]           `key:"metrics" def:"true" doc:"export metrics"`
	Flush    Value[Duration]       `key:"flushIntervalMs" unit:"ms" def:"60000" doc:"how often"`
	_        struct{}              `upstream:"tracesEndpoint logsEndpoint traces logs sampleRate captureContent"`
}

// Backup is backup.
type Backup struct {
	Origin
	Recipients List          `key:"recipients" doc:"age public keys"`
	Schedule   Value[string] `key:"schedule" doc:"when"`
	Keep       Value[int]    `key:"keep" min:"1" doc:"how many"`
	To         Value[string] `key:"to" doc:"directory"`
}
