"""The pages for people, under /console: Jinja2 and htmx, no build step; each page works without JavaScript too."""
