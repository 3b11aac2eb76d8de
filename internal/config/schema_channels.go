package config

// Values of dmPolicy and groupPolicy.
const (
	PolicyPairing   = "pairing"
	PolicyAllowlist = "allowlist"
	PolicyOpen      = "open"
	PolicyDisabled  = "disabled"
)

// Channels is channels. A channel starts when its block is set, unless its
// enabled is false.
type Channels struct {
	Origin
	Telegram       Telegram        `key:"telegram" doc:"Telegram bot"`
	Discord        Discord         `key:"discord" doc:"Discord bot"`
	Slack          Slack           `key:"slack" doc:"Slack app"`
	WhatsApp       WhatsApp        `key:"whatsapp" doc:"WhatsApp"`
	Webchat        Webchat         `key:"webchat" doc:"the chat of the web pages"`
	Defaults       ChannelDefaults `key:"defaults" doc:"fallbacks of every channel"`
	ModelByChannel Raw             `key:"modelByChannel" doc:"model per conversation"`
	_              struct{}        `upstream:"signal imessage bluebubbles matrix msteams googlechat irc line mattermost feishu lark zalo zalouser nostr twitch nextcloud-talk synology-chat qqbot tlon clickclack sms email voice-call wechat weixin" open:"named"`
}

// ChannelDefaults is channels.defaults.
type ChannelDefaults struct {
	Origin
	GroupPolicy       Value[string] `key:"groupPolicy" enum:"allowlist,open,disabled" def:"allowlist" doc:"groups"`
	ContextVisibility Value[string] `key:"contextVisibility" enum:"all,allowlist,allowlist_quote" doc:"whose messages become context"`
	_                 struct{}      `upstream:"heartbeat heartbeatVisibility botLoopProtection"`
}

// Channel are the keys that every channel and account has.
type Channel struct {
	Origin
	Enabled           Value[bool]      `key:"enabled" def:"true" doc:"start it"`
	Name              Value[string]    `key:"name" doc:"display name"`
	DMPolicy          Value[string]    `key:"dmPolicy" enum:"pairing,allowlist,open,disabled" def:"pairing" doc:"strangers' direct messages"`
	AllowFrom         List             `key:"allowFrom" opt:"ids" doc:"senders allowed"`
	DM                ChannelDM        `key:"dm" doc:"older form of dmPolicy and allowFrom"`
	GroupPolicy       Value[string]    `key:"groupPolicy" enum:"allowlist,open,disabled" def:"allowlist" doc:"groups"`
	GroupAllowFrom    List             `key:"groupAllowFrom" opt:"ids" doc:"senders allowed in groups"`
	Groups            Map[Group]       `key:"groups" doc:"groups by id; * is any"`
	RequireMention    Value[bool]      `key:"requireMention" def:"true" doc:"groups must mention the bot"`
	ContextVisibility Value[string]    `key:"contextVisibility" enum:"all,allowlist,allowlist_quote" doc:"whose messages become context"`
	HistoryLimit      Value[int]       `key:"historyLimit" min:"0" doc:"messages kept as context"`
	DMHistoryLimit    Value[int]       `key:"dmHistoryLimit" min:"0" doc:"same for direct messages"`
	ConfigWrites      Value[bool]      `key:"configWrites" doc:"upstream's /config from this channel; never here"`
	Commands          ChannelCommands  `key:"commands" doc:"chat commands"`
	ExecApprovals     ChannelApprovals `key:"execApprovals" doc:"approvals in this channel"`
	TextChunkLimit    Value[int]       `key:"textChunkLimit" min:"1" doc:"longest message"`
	ChunkMode         Value[string]    `key:"chunkMode" enum:"length,newline" doc:"where long messages are cut"`
	MediaMaxMB        Value[float64]   `key:"mediaMaxMb" min:"0" doc:"largest file"`
	ReplyToMode       Value[string]    `key:"replyToMode" enum:"off,first,all,batched" doc:"quote the message answered"`
	Streaming         Streaming        `key:"streaming" doc:"edit while the answer grows"`
	ResponsePrefix    Value[string]    `key:"responsePrefix" doc:"text before every answer"`
	AckReaction       Raw              `key:"ackReaction" doc:"reaction on receipt"`
	NameMatching      Value[bool]      `key:"dangerouslyAllowNameMatching" def:"false" doc:"names count as ids; refused here"`
	_                 struct{}         `upstream:"healthMonitor dms defaultTo capabilities markdown heartbeat heartbeatVisibility actions reactionNotifications reactionLevel linkPreview mentionPatterns blockStreaming blockStreamingCoalesce draftChunk streamMode network proxy retry threadBindings timeoutSeconds mediaGroupFlushMs errorPolicy errorCooldownMs silentErrorReplies customCommands ackReactionScope"`
}

// ChannelDM is dm, the older form.
type ChannelDM struct {
	Origin
	Enabled       Value[bool]   `key:"enabled" doc:"answer direct messages"`
	Policy        Value[string] `key:"policy" enum:"pairing,allowlist,open,disabled" doc:"dmPolicy"`
	AllowFrom     List          `key:"allowFrom" opt:"ids" doc:"allowFrom"`
	GroupEnabled  Value[bool]   `key:"groupEnabled" doc:"answer group messages among few"`
	GroupChannels List          `key:"groupChannels" opt:"ids" doc:"which"`
	_             struct{}      `upstream:"replyToMode"`
}

// Streaming is streaming; a bare text is the mode.
type Streaming struct {
	Origin
	Mode Value[string] `key:"mode" opt:"bool" enum:"off,partial,block,progress,true,false" doc:"how"`
	_    struct{}      `short:"mode" upstream:"chunkMode preview block progress nativeTransport draft"`
}

// ChannelCommands is commands of a channel.
type ChannelCommands struct {
	Origin
	Native       Value[string] `key:"native" opt:"bool" enum:"auto,true,false" doc:"register native commands"`
	NativeSkills Value[string] `key:"nativeSkills" opt:"bool" enum:"auto,true,false" doc:"same for skills"`
}

// ChannelApprovals is execApprovals.
type ChannelApprovals struct {
	Origin
	Enabled       Value[string] `key:"enabled" opt:"bool" enum:"auto,true,false" def:"auto" doc:"show approvals here"`
	Approvers     List          `key:"approvers" opt:"ids" doc:"who may answer"`
	AgentFilter   List          `key:"agentFilter" doc:"agents whose approvals come here"`
	SessionFilter List          `key:"sessionFilter" doc:"sessions whose approvals come here"`
	Target        Value[string] `key:"target" enum:"dm,channel,both" def:"dm" doc:"where they are shown"`
	_             struct{}      `upstream:"cleanupAfterResolve"`
}

// Group is one group, topic, server or channel of a channel.
type Group struct {
	Origin
	Enabled        Value[bool]     `key:"enabled,allow" doc:"answer here"`
	RequireMention Value[bool]     `key:"requireMention" def:"true" doc:"must mention the bot"`
	GroupPolicy    Value[string]   `key:"groupPolicy" enum:"allowlist,open,disabled" doc:"senders"`
	AllowFrom      List            `key:"allowFrom" opt:"ids" doc:"senders allowed"`
	Users          List            `key:"users" opt:"ids" doc:"senders allowed"`
	Roles          List            `key:"roles" opt:"ids" doc:"roles allowed"`
	Slug           Value[string]   `key:"slug" doc:"readable name"`
	Skills         List            `key:"skills" doc:"skills seen"`
	SystemPrompt   Value[string]   `key:"systemPrompt" doc:"further instructions"`
	AgentID        Value[string]   `key:"agentId" opt:"slug" doc:"who answers"`
	Tools          ToolLimits      `key:"tools" doc:"tools, only fewer"`
	ToolsBySender  Map[ToolLimits] `key:"toolsBySender" doc:"tools per sender"`
	Topics         Map[Topic]      `key:"topics" doc:"topics"`
	Channels       Map[Topic]      `key:"channels" doc:"channels of a server"`
	_              struct{}        `upstream:"reactionNotifications ignoreOtherMentions allowBots includeThreadStarter autoThread autoArchiveDuration disableAudioPreflight errorPolicy ingest presence"`
}

// Topic is a topic or channel within a group.
type Topic struct {
	Origin
	Enabled        Value[bool]     `key:"enabled,allow" doc:"answer here"`
	RequireMention Value[bool]     `key:"requireMention" doc:"must mention the bot"`
	GroupPolicy    Value[string]   `key:"groupPolicy" enum:"allowlist,open,disabled" doc:"senders"`
	AllowFrom      List            `key:"allowFrom" opt:"ids" doc:"senders allowed"`
	Users          List            `key:"users" opt:"ids" doc:"senders allowed"`
	Roles          List            `key:"roles" opt:"ids" doc:"roles allowed"`
	Skills         List            `key:"skills" doc:"skills seen"`
	SystemPrompt   Value[string]   `key:"systemPrompt" doc:"further instructions"`
	AgentID        Value[string]   `key:"agentId" opt:"slug" doc:"who answers"`
	Tools          ToolLimits      `key:"tools" doc:"tools, only fewer"`
	ToolsBySender  Map[ToolLimits] `key:"toolsBySender" doc:"tools per sender"`
	_              struct{}        `upstream:"ignoreOtherMentions includeThreadStarter autoThread autoArchiveDuration autoThreadName disableAudioPreflight errorPolicy"`
}

// Telegram is channels.telegram.
type Telegram struct {
	TelegramAccount
	Accounts       Map[TelegramAccount] `key:"accounts" doc:"several bots"`
	DefaultAccount Value[string]        `key:"defaultAccount" doc:"the one meant when none is named"`
}

// TelegramAccount is one bot.
type TelegramAccount struct {
	Channel
	BotToken  Value[SecretRef] `key:"botToken,token" doc:"bot token; the guide writes token"`
	TokenFile Value[string]    `key:"tokenFile" doc:"file with the token; wins"`

	APIRoot       Value[string]    `key:"apiRoot" opt:"guard" doc:"where the Bot API is; default https://api.telegram.org"`
	WebhookURL    Value[string]    `key:"webhookUrl" doc:"address that Telegram calls; unset: it is polled"`
	WebhookSecret Value[SecretRef] `key:"webhookSecret" doc:"proves those calls; 43 characters or more"`
	WebhookPath   Value[string]    `key:"webhookPath" def:"/telegram-webhook" doc:"path of these calls on the gateway"`

	_ struct{} `upstream:"webhookHost webhookPort webhookCertPath trustedLocalFileRoots autoTopicLabel direct groupChat pollingStallThresholdMs"`
}

// Discord is channels.discord.
type Discord struct {
	DiscordAccount
	Accounts       Map[DiscordAccount] `key:"accounts" doc:"several bots"`
	DefaultAccount Value[string]       `key:"defaultAccount" doc:"the one meant when none is named"`
}

// DiscordAccount is one bot.
type DiscordAccount struct {
	Channel
	Token     Value[SecretRef] `key:"token,botToken" doc:"bot token"`
	Guilds    Map[Group]       `key:"guilds" doc:"servers by id"`
	AllowBots Value[string]    `key:"allowBots" opt:"bool" enum:"true,false,mentions" doc:"answer other bots"`
	_         struct{}         `upstream:"intents pluralkit ui slashCommand voice presence status activity activityType activityUrl maxLinesPerMessage autoPresence eventQueue inboundWorker applicationId agentComponents gatewayInfoTimeoutMs thread"`
}

// Slack is channels.slack.
type Slack struct {
	SlackAccount
	Accounts       Map[SlackAccount] `key:"accounts" doc:"several apps"`
	DefaultAccount Value[string]     `key:"defaultAccount" doc:"the one meant when none is named"`
}

// SlackAccount is one app.
type SlackAccount struct {
	Channel
	Mode          Value[string]    `key:"mode" enum:"socket,http" def:"socket" doc:"how events arrive"`
	BotToken      Value[SecretRef] `key:"botToken,token" doc:"xoxb token"`
	AppToken      Value[SecretRef] `key:"appToken" doc:"xapp token of socket mode"`
	UserToken     Value[SecretRef] `key:"userToken" doc:"xoxp token"`
	UserReadOnly  Value[bool]      `key:"userTokenReadOnly" def:"true" doc:"the user token only reads"`
	SigningSecret Value[SecretRef] `key:"signingSecret" doc:"proves events of http mode"`
	WebhookPath   Value[string]    `key:"webhookPath" doc:"path of http mode"`
	Channels      Map[Group]       `key:"channels" doc:"channels by id"`
	AllowBots     Value[string]    `key:"allowBots" opt:"bool" enum:"true,false,mentions" doc:"answer other bots"`
	_             struct{}         `upstream:"slashCommand thread replyToModeByChatType typingReaction nativeStreaming interactiveReplies reactionAllowlist socketMode unfurlLinks unfurlMedia"`
}

// WhatsApp is channels.whatsapp.
type WhatsApp struct {
	WhatsAppAccount
	Accounts       Map[WhatsAppAccount] `key:"accounts" doc:"several numbers"`
	DefaultAccount Value[string]        `key:"defaultAccount" doc:"the one meant when none is named"`
}

// WhatsAppAccount is one number.
type WhatsAppAccount struct {
	Channel
	AuthDir          Value[string] `key:"authDir" doc:"where its session lies"`
	SendReadReceipts Value[bool]   `key:"sendReadReceipts" def:"true" doc:"mark as read"`
	SelfChatMode     Value[bool]   `key:"selfChatMode" doc:"the owner's own number"`
	_                struct{}      `upstream:"debounceMs messagePrefix web keepAlive pluginHooks"`
}

// Webchat is channels.webchat.
type Webchat struct{ Channel }

// AccessGroup is accessGroups.<name>.
type AccessGroup struct {
	Origin
	Type    Value[string] `key:"type" doc:"message.senders"`
	Members Map[List]     `key:"members" opt:"ids" doc:"ids per channel"`
	_       struct{}      `upstream:"guildId channelId membership"`
}
