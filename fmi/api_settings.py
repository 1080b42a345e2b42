"""The settings of the API, of its description and of the admin's look: constants of the product."""

VERSION = "0.1.0"
# Where the API answers: /order/ is the older address of its orders.
API_PREFIXES = ("/api/", "/order/")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "reference.api.authentication.BearerToken",
        "reference.api.authentication.BasicLogin",
        "reference.api.authentication.SessionLogin",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "fmi.pagination.LimitCursorPagination",
    "PAGE_SIZE": 25,
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "EXCEPTION_HANDLER": "fmi.problems.handle_exception",
    "DEFAULT_SCHEMA_CLASS": "reference.api.contract.ContractSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Mini FMI",
    "DESCRIPTION": "Trades from capture to settlement delivery-versus-payment, and the ledger under them.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v[0-9]+",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "reference.api.contract_parts.add_shared_parts",
    ],
    # Two things have a `status`; without names of their own their types would be numbered.
    "ENUM_NAME_OVERRIDES": {
        "TradeStatusEnum": "trades.api.serializers.STATUS_CHOICES",
        "InstructionStatusEnum": "settlement.api.serializers.STATUS_CHOICES",
        "OrderStatusEnum": "trades.api.order_serializers.ORDER_STATUS_CHOICES",
        "OrderSideEnum": "trades.api.order_serializers.SIDE_CHOICES",
        "OrderTypeEnum": "trades.api.order_serializers.TYPE_CHOICES",
        "SliceStatusEnum": "fmi.api.order_views.SLICE_STATUS_CHOICES",
        "PartyStatusEnum": "settlement.api.party_serializers.PARTY_STATUS_CHOICES",
        "DefaultStatusEnum": "clearing.api.default_serializers.CASE_STATUS_CHOICES",
        "ProposalStatusEnum": "reference.api.proposal_serializers.PROPOSAL_STATUS_CHOICES",
        "KeyStateEnum": "reference.api.key_serializers.KEY_STATE_CHOICES",
        "DeliveryStateEnum": "events.api.webhook_serializers.DELIVERY_STATE_CHOICES",
        "WebhookHealthEnum": "events.api.webhook_serializers.WEBHOOK_HEALTH_CHOICES",
        "ScopeEnum": "reference.api.key_serializers.KEY_SCOPE_CHOICES",
        "ClientStatusEnum": "trades.api.client_serializers.CLIENT_STATUS_CHOICES",
        "AccountKindEnum": "ledger.models.AccountKind",
        "AllocationMethodEnum": "trades.models.AllocationMethod",
        "ModuleStateEnum": "fmi.api.operations_views.MODULE_STATE_CHOICES",
        "CapturedEnum": ["ACCEPTED", "REPEATED"],
        "LinkKindEnum": "settlement.models.PartyLinkKind",
        "TradeSideEnum": [("BUY", "Buy"), ("SELL", "Sell"), ("BOTH", "Both")],
        "CorporateActionKindEnum": [("DIVIDEND", "Dividend"), ("COUPON", "Coupon"), ("SPLIT", "Split")],
    },
}

UNFOLD = {
    "SITE_TITLE": "Mini FMI",
    "SITE_HEADER": "Mini FMI",
    "SITE_SUBHEADER": "Reference data and inspection",
}
