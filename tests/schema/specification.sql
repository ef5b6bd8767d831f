-- Sections 2 and 4.2 of the database design, as PostgreSQL can take them: the keys
-- of the partitioned tables hold the partition column, and notification_history has
-- no foreign key to signals (DECISIONS.md). Compared with the migrated database by
-- test_specification.py, column by column and index by index.
CREATE TABLE users (
    id SERIAL PRIMARY KEY,
    username VARCHAR(50) UNIQUE NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    email VARCHAR(255),
    language VARCHAR(10) DEFAULT 'zh-CN',
    timezone VARCHAR(50) DEFAULT 'Asia/Shanghai',
    preferences JSONB DEFAULT '{}',
    security_info JSONB DEFAULT '{}',
    created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);
CREATE INDEX idx_users_username ON users(username);
CREATE INDEX idx_users_email ON users(email);

CREATE TABLE user_sessions (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id INTEGER REFERENCES users(id) ON DELETE CASCADE,
    token_hash VARCHAR(255) NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ip_address INET,
    user_agent TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);
CREATE INDEX idx_user_sessions_user_id ON user_sessions(user_id);
CREATE INDEX idx_user_sessions_token_hash ON user_sessions(token_hash);
CREATE INDEX idx_user_sessions_expires_at ON user_sessions(expires_at);

CREATE TABLE freqtrade_versions (
    id SERIAL PRIMARY KEY,
    version VARCHAR(20) UNIQUE NOT NULL,
    release_date DATE,
    type VARCHAR(20) DEFAULT 'stable',
    download_url TEXT,
    changelog_url TEXT,
    compatibility_info JSONB DEFAULT '{}',
    is_installed BOOLEAN DEFAULT FALSE,
    install_date TIMESTAMP WITH TIME ZONE,
    install_path VARCHAR(500),
    created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);
CREATE INDEX idx_freqtrade_versions_version ON freqtrade_versions(version);
CREATE INDEX idx_freqtrade_versions_is_installed ON freqtrade_versions(is_installed);

CREATE TABLE freqtrade_upgrade_history (
    id SERIAL PRIMARY KEY,
    from_version VARCHAR(20),
    to_version VARCHAR(20) NOT NULL,
    upgrade_type VARCHAR(20) NOT NULL,
    status VARCHAR(20) NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
    completed_at TIMESTAMP WITH TIME ZONE,
    error_message TEXT,
    backup_path VARCHAR(500),
    migration_log JSONB DEFAULT '{}',
    user_id INTEGER REFERENCES users(id)
);
CREATE INDEX idx_upgrade_history_status ON freqtrade_upgrade_history(status);
CREATE INDEX idx_upgrade_history_date ON freqtrade_upgrade_history(started_at);

CREATE TABLE proxies (
    id SERIAL PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    type VARCHAR(20) NOT NULL,
    host VARCHAR(255) NOT NULL,
    port INTEGER NOT NULL,
    username VARCHAR(100),
    password_encrypted TEXT,
    enabled BOOLEAN DEFAULT TRUE,
    priority INTEGER DEFAULT 1,
    test_url VARCHAR(500) DEFAULT 'https://api.binance.com/api/v3/ping',
    health_check_config JSONB DEFAULT '{}',
    performance_metrics JSONB DEFAULT '{}',
    status VARCHAR(20) DEFAULT 'unknown',
    last_test_time TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);
CREATE INDEX idx_proxies_enabled ON proxies(enabled);
CREATE INDEX idx_proxies_priority ON proxies(priority);
CREATE INDEX idx_proxies_status ON proxies(status);

CREATE TABLE proxy_test_history (
    id BIGSERIAL,
    proxy_id INTEGER REFERENCES proxies(id) ON DELETE CASCADE,
    test_time TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
    success BOOLEAN NOT NULL,
    latency_ms INTEGER,
    error_message TEXT,
    test_details JSONB DEFAULT '{}',
    PRIMARY KEY (id, test_time)
) PARTITION BY RANGE (test_time);
CREATE INDEX idx_proxy_test_history_proxy_time ON proxy_test_history(proxy_id, test_time);
CREATE INDEX idx_proxy_test_history_time ON proxy_test_history(test_time);

CREATE TABLE strategies (
    id SERIAL PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    description TEXT,
    type VARCHAR(50) DEFAULT 'signal_monitor',
    version VARCHAR(20) DEFAULT 'v1.0',
    status VARCHAR(20) DEFAULT 'stopped',
    config JSONB NOT NULL DEFAULT '{}',
    freqtrade_config JSONB NOT NULL DEFAULT '{}',
    signal_thresholds JSONB DEFAULT '{}',
    health_metrics JSONB DEFAULT '{}',
    performance_metrics JSONB DEFAULT '{}',
    is_draft BOOLEAN DEFAULT FALSE,
    draft_expires_at TIMESTAMP WITH TIME ZONE,
    parent_strategy_id INTEGER REFERENCES strategies(id),
    created_by INTEGER REFERENCES users(id),
    created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);
CREATE INDEX idx_strategies_name ON strategies(name);
CREATE INDEX idx_strategies_status ON strategies(status);
CREATE INDEX idx_strategies_type ON strategies(type);
CREATE INDEX idx_strategies_is_draft ON strategies(is_draft);
CREATE INDEX idx_strategies_created_at ON strategies(created_at);

CREATE TABLE strategy_versions (
    id SERIAL PRIMARY KEY,
    strategy_id INTEGER REFERENCES strategies(id) ON DELETE CASCADE,
    version VARCHAR(20) NOT NULL,
    config_snapshot JSONB NOT NULL,
    change_summary TEXT,
    is_active BOOLEAN DEFAULT FALSE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),

    UNIQUE(strategy_id, version)
);
CREATE INDEX idx_strategy_versions_strategy_id ON strategy_versions(strategy_id);
CREATE INDEX idx_strategy_versions_is_active ON strategy_versions(is_active);

CREATE TABLE strategy_processes (
    id SERIAL PRIMARY KEY,
    strategy_id INTEGER REFERENCES strategies(id) ON DELETE CASCADE,
    pid INTEGER,
    start_time TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
    stop_time TIMESTAMP WITH TIME ZONE,
    status VARCHAR(20) NOT NULL,
    resource_usage JSONB DEFAULT '{}',
    last_heartbeat TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);
CREATE INDEX idx_strategy_processes_strategy_id ON strategy_processes(strategy_id);
CREATE INDEX idx_strategy_processes_status ON strategy_processes(status);

CREATE TABLE signals (
    id UUID DEFAULT gen_random_uuid(),
    timestamp TIMESTAMP WITH TIME ZONE NOT NULL,
    strategy_id INTEGER REFERENCES strategies(id),
    strategy_name VARCHAR(100) NOT NULL,
    strategy_version VARCHAR(20),
    pair VARCHAR(20) NOT NULL,
    exchange VARCHAR(50) NOT NULL,
    timeframe VARCHAR(10) NOT NULL,
    signal_type VARCHAR(10) NOT NULL,
    strength_raw DECIMAL(10,4) NOT NULL,
    strength_level VARCHAR(20) NOT NULL,
    priority VARCHAR(5) NOT NULL,
    price DECIMAL(20,8) NOT NULL,
    indicators JSONB DEFAULT '{}',
    metadata JSONB DEFAULT '{}',
    notification_sent BOOLEAN DEFAULT FALSE,
    notification_channels TEXT[] DEFAULT '{}',
    notification_time TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id, timestamp)
) PARTITION BY RANGE (timestamp);
CREATE INDEX idx_signals_timestamp ON signals(timestamp);
CREATE INDEX idx_signals_strategy_id ON signals(strategy_id);
CREATE INDEX idx_signals_pair ON signals(pair);
CREATE INDEX idx_signals_signal_type ON signals(signal_type);
CREATE INDEX idx_signals_strength_level ON signals(strength_level);
CREATE INDEX idx_signals_composite ON signals(strategy_id, pair, timestamp);

CREATE TABLE notification_channels (
    id SERIAL PRIMARY KEY,
    name VARCHAR(50) NOT NULL,
    type VARCHAR(20) NOT NULL,
    enabled BOOLEAN DEFAULT TRUE,
    priority INTEGER DEFAULT 1,
    config JSONB NOT NULL DEFAULT '{}',
    rate_limit_config JSONB DEFAULT '{}',
    status VARCHAR(20) DEFAULT 'unknown',
    last_test_time TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);
CREATE INDEX idx_notification_channels_type ON notification_channels(type);
CREATE INDEX idx_notification_channels_enabled ON notification_channels(enabled);

CREATE TABLE notification_history (
    id BIGSERIAL,
    signal_id UUID,
    channel_id INTEGER REFERENCES notification_channels(id),
    channel_type VARCHAR(20) NOT NULL,
    message_type VARCHAR(20) NOT NULL,
    content TEXT NOT NULL,
    status VARCHAR(20) NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
    response_code INTEGER,
    error_message TEXT,
    retry_count INTEGER DEFAULT 0,
    metadata JSONB DEFAULT '{}',
    PRIMARY KEY (id, sent_at)
) PARTITION BY RANGE (sent_at);
CREATE INDEX idx_notification_history_signal_id ON notification_history(signal_id);
CREATE INDEX idx_notification_history_channel_id ON notification_history(channel_id);
CREATE INDEX idx_notification_history_status ON notification_history(status);
CREATE INDEX idx_notification_history_sent_at ON notification_history(sent_at);

CREATE TABLE system_metrics (
    id BIGSERIAL PRIMARY KEY,
    timestamp TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
    metric_type VARCHAR(50) NOT NULL,
    component VARCHAR(50) NOT NULL,
    value DECIMAL(10,4) NOT NULL,
    unit VARCHAR(20) NOT NULL,
    metadata JSONB DEFAULT '{}'
);
CREATE INDEX idx_system_metrics_timestamp ON system_metrics(timestamp);
CREATE INDEX idx_system_metrics_type_component ON system_metrics(metric_type, component);

CREATE TABLE error_logs (
    id BIGSERIAL PRIMARY KEY,
    timestamp TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
    level VARCHAR(20) NOT NULL,
    component VARCHAR(50) NOT NULL,
    message TEXT NOT NULL,
    stack_trace TEXT,
    context JSONB DEFAULT '{}',
    resolved BOOLEAN DEFAULT FALSE,
    resolved_at TIMESTAMP WITH TIME ZONE
);
CREATE INDEX idx_error_logs_timestamp ON error_logs(timestamp);
CREATE INDEX idx_error_logs_level ON error_logs(level);
CREATE INDEX idx_error_logs_component ON error_logs(component);
CREATE INDEX idx_error_logs_resolved ON error_logs(resolved);
CREATE INDEX idx_signals_query_optimized ON signals(strategy_id, timestamp DESC, pair);
CREATE INDEX idx_notification_history_query ON notification_history(channel_id, sent_at DESC, status);
CREATE INDEX idx_strategies_active ON strategies(id) WHERE status IN ('running', 'starting');
CREATE INDEX idx_notification_failed ON notification_history(sent_at) WHERE status = 'failed';
